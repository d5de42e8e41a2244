import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, type BigIntStats } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * SHA-256 of files, remembered by what changes when a file does: path, inode, size and modification time in
 * nanoseconds. Packing a folder of half a gigabyte again costs a look at each file.
 */
export class FileHashes {
  readonly #store: string;
  readonly #known: Map<string, string>;
  #changed = false;

  private constructor(store: string, known: Map<string, string>) {
    this.#store = store;
    this.#known = known;
  }

  static async open(cache: string): Promise<FileHashes> {
    const store = join(cache, 'recipes', 'hashes.json');
    try {
      const entries = Object.entries(JSON.parse(await readFile(store, 'utf8')) as Record<string, string>);
      return new FileHashes(store, new Map(entries));
    } catch {
      // Absent or damaged: it is only a memory.
      return new FileHashes(store, new Map());
    }
  }

  async of(path: string): Promise<string> {
    const before = await stat(path, { bigint: true });
    const remembered = this.#known.get(identity(path, before));
    if (remembered !== undefined) return remembered;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    const sha256 = hash.digest('hex');
    // A file written just now could be written again within the clock's grain: not remembered.
    if (Date.now() - Number(before.mtimeMs) > 2000) {
      this.#known.set(identity(path, before), sha256);
      this.#changed = true;
    }
    return sha256;
  }

  /** Writes down what was learnt; of two processes the later one wins, which costs a hashing. */
  async save(): Promise<void> {
    if (!this.#changed) return;
    await mkdir(dirname(this.#store), { recursive: true });
    const partial = `${this.#store}.${randomUUID()}.partial`;
    await writeFile(partial, JSON.stringify(Object.fromEntries(this.#known)));
    await rename(partial, this.#store);
  }
}

const identity = (path: string, { ino, size, mtimeNs }: BigIntStats): string =>
  `${path}:${ino}:${size}:${mtimeNs}`;
