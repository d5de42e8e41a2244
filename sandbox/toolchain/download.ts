/** Downloads one file; what does not have the pinned SHA-256 is removed and never used. */
import { createHash } from 'node:crypto';
import { createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EnvHttpProxyAgent, fetch } from 'undici';
import { ChecksumError, type Download, type Kitchen } from './tool.ts';

const CONNECT_TIMEOUT_MS = 3_000;

/** @throws {ChecksumError} when the bytes are not the pinned ones */
export async function downloadFile(
  url: string,
  sha256: string,
  to: string,
  signal?: AbortSignal,
): Promise<void> {
  const dispatcher = new EnvHttpProxyAgent({ connect: { timeout: CONNECT_TIMEOUT_MS } });
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  mkdirSync(dirname(to), { recursive: true });
  try {
    const response = await fetch(url, { dispatcher, ...(signal && { signal }) });
    if (!response.ok || !response.body)
      throw new Error(`Cannot download "${url}": status ${response.status}`);
    await pipeline(Readable.fromWeb(response.body), hashing, createWriteStream(to));
    const actual = hash.digest('hex');
    if (actual !== sha256) {
      throw new ChecksumError(`Cannot use "${url}": its SHA-256 is ${actual}, expected ${sha256}`);
    }
  } catch (error) {
    rmSync(to, { force: true });
    throw error;
  } finally {
    await dispatcher.destroy();
  }
}

/** Takes a release into the parcel's folder. */
export async function takeDownload(download: Download, folder: string, kitchen: Kitchen): Promise<void> {
  kitchen.say(`downloading ${download.url}`);
  if (typeof download.to === 'string') {
    const path = join(folder, download.to);
    await downloadFile(download.url, download.sha256, path, kitchen.signal);
    await kitchen.run('chmod', ['755', path]);
    return;
  }
  const archive = join(folder, '.archive');
  await downloadFile(download.url, download.sha256, archive, kitchen.signal);
  for (const [member, to] of Object.entries(download.to.members)) {
    const path = join(folder, to);
    mkdirSync(dirname(path), { recursive: true });
    await kitchen.run('tar', ['-xf', archive, `--transform=s|.*|${to}|`, '-C', folder, member]);
  }
  rmSync(archive);
}
