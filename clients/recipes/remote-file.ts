import { createHash } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable, Transform } from 'node:stream';
import { InvalidInput, ZonewrightError } from '../../domain/errors.ts';

const CONNECT_TIMEOUT_MS = 60_000;

/**
 * Path of a file with this checksum, fetched from its URL the first time.
 *
 * @param where how the recipe's entry is named in messages
 * @throws {InvalidInput} when what lies there has another checksum; nothing of it is kept
 */
export async function fetchRemoteFile(
  url: string,
  sha256: string,
  cache: string,
  where: string,
): Promise<string> {
  const folder = join(cache, 'recipes', 'files');
  const path = join(folder, sha256);
  if (existsSync(path)) return path;
  await mkdir(folder, { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  try {
    const found = await download(url, partial);
    if (found !== sha256) {
      throw new InvalidInput('recipe', [
        { path: `${where}.sha256`, value: sha256, expected: `the checksum of ${url}, which is ${found}` },
      ]);
    }
    await rename(partial, path);
    return path;
  } finally {
    await rm(partial, { force: true });
  }
}

async function download(url: string, to: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
    const hashing = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(response.body), hashing, createWriteStream(to, { mode: 0o600 }));
  } catch (cause) {
    throw new ZonewrightError('CloudUnavailable', `Cannot fetch "${url}"`, { cause });
  }
  return hash.digest('hex');
}
