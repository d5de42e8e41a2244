/** The baseline of machines: the source image in a systemd container with nothing around it. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { initOf, signal } from '../sandbox/machines/processes.ts';
import { ImageStore } from '../sandbox/aws/images.ts';
import { imagesFolder, sandboxHome } from '../sandbox/state.ts';

const MARK = 'Reached target multi-user.target';
const UNSHARED = 'mount -t overlay overlay -o "$1" "$2"; shift 2; exec systemd-nspawn "$@"';

/** Seconds from the start of the process until it is multi-user; nothing of it is left. */
export async function bareBoot(limitMs: number): Promise<number> {
  const home = sandboxHome();
  const layer = new ImageStore(imagesFolder(home)).images.find((image) => image.public)?.layers[0];
  if (layer === undefined) throw new Error(`Cannot boot bare: no source image in "${imagesFolder(home)}"`);
  const folder = mkdtempSync(join(home, 'bare-'));
  const at = (name: string): string => join(folder, name);
  for (const name of ['root', 'work', 'upper/etc/cloud']) mkdirSync(at(name), { recursive: true });
  writeFileSync(at('upper/etc/cloud/cloud-init.disabled'), '');
  const overlay = `lowerdir=${layer},upperdir=${at('upper')},workdir=${at('work')}`;
  const nspawn = ['--quiet', `--directory=${at('root')}`, `--machine=bare-${process.pid}`, '--boot'];
  const container = ['--register=no', '--keep-unit', '--private-network', '--console=read-only'];
  try {
    return await bootUntilMark([overlay, at('root'), ...nspawn, ...container], limitMs);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function bootUntilMark(args: readonly string[], limitMs: number): Promise<number> {
  const began = performance.now();
  const child = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-ec', UNSHARED, 'sh', ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  child.once('close', () => end());
  let said = '';
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += stripVTControlCharacters(text);
      if (said.includes(MARK)) resolve((performance.now() - began) / 1000);
    });
  }
  const fail = (): void =>
    reject(new Error(`Cannot boot bare: expected "${MARK}", got: ${said.slice(-800)}`));
  child.once('close', fail);
  const timer = setTimeout(fail, limitMs);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    // The manager ends with the machine's first process, or itself where that has not begun.
    signal(child.pid === undefined ? undefined : (initOf(child.pid) ?? child.pid), 'SIGKILL');
    await ended;
  }
}
