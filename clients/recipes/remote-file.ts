import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable, Transform } from 'node:stream';
import { InvalidInput } from '../../domain/errors.ts';

/** Until the server begins to answer; how long a large file takes is not limited. */
const ANSWER_TIMEOUT_MS = 60_000;

/**
 * Path of a file with this checksum, fetched from its URL the first time.
 *
 * @param where how the recipe's entry is named in messages
 * @throws {InvalidInput} when nothing lies there, or something of another checksum; nothing of it is kept
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
  const partial = `${path}.${randomUUID()}.partial`;
  try {
    const found = await download(url, partial, where);
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

async function download(url: string, to: string, where: string): Promise<string> {
  const hash = createHash('sha256');
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error('no answer')), ANSWER_TIMEOUT_MS);
  try {
    const response = await fetch(url, { signal: late.signal });
    clearTimeout(timer);
    if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
    const hashing = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(response.body), hashing, createWriteStream(to, { mode: 0o600 }));
  } catch (cause) {
    const issue = {
      path: `${where}.url`,
      value: url,
      expected: `a file that can be fetched (${reason(cause)})`,
    };
    throw new InvalidInput('recipe', [issue], { cause });
  } finally {
    clearTimeout(timer);
  }
  return hash.digest('hex');
}

/** Why it could not be fetched: `fetch` itself only says that it failed. */
function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
