import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

export interface MachineFile {
  readonly path: string;
  readonly text: string;
  /** Default 0644. */
  readonly mode?: number;
  /** Name of a user of the machine; default root. */
  readonly owner?: string;
}

/** The machine's files; `root` is `/` but for tests. Written whole or not at all, so that a power cut harms none. */
export class MachineFiles {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  at(path: string): string {
    return join(this.#root, path);
  }

  read(path: string): string | undefined {
    try {
      return readFileSync(this.at(path), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Returns whether anything changed: contents, mode or owner. */
  write({ path, text, mode = 0o644, owner = 'root' }: MachineFile): boolean {
    const { uid, gid } = this.#user(owner);
    const target = this.at(path);
    if (this.read(path) === text) {
      const { mode: now, uid: nowUid, gid: nowGid } = statSync(target);
      if ((now & 0o777) === mode && nowUid === uid && nowGid === gid) return false;
    }
    mkdirSync(dirname(target), { recursive: true });
    const partial = `${target}.${randomBytes(4).toString('hex')}.partial`;
    writeFileSync(partial, text, { mode: 0o600, flush: true });
    chownSync(partial, uid, gid);
    chmodSync(partial, mode);
    renameSync(partial, target);
    return true;
  }

  /** A folder and everything in it becomes a user's. */
  giveTo(path: string, owner: string): void {
    const { uid, gid } = this.#user(owner);
    const folder = this.at(path);
    for (const name of ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })])
      chownSync(join(folder, name), uid, gid);
  }

  /** For what is no plain file, such as a file of /proc. */
  writeInPlace(path: string, text: string): void {
    writeFileSync(this.at(path), text);
  }

  #user(name: string): { uid: number; gid: number } {
    const line = this.read('/etc/passwd')
      ?.split('\n')
      .find((each) => each.startsWith(`${name}:`));
    const [, , uid, gid] = line?.split(':') ?? [];
    if (uid === undefined || gid === undefined)
      throw new Error(`Cannot find user "${name}": expected it in /etc/passwd`);
    return { uid: Number(uid), gid: Number(gid) };
  }
}
