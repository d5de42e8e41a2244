/**
 * Where unbound is: installed, or else Debian's packages unpacked into the cache. They are never installed, since
 * that would start a service on the computer's own port 53. apt verifies what it downloads.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from '../network/commands.ts';

export interface Unbound {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

/** unbound itself, and the only library it needs that a small Debian lacks. */
const PACKAGES = ['unbound', 'libprotobuf-c1'];
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';

export async function obtainUnbound(cache: string): Promise<Unbound> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  const installed = [
    process.env['ZONEWRIGHT_UNBOUND'],
    ...folders.map((folder) => join(folder, 'unbound')),
  ].find((path) => path !== undefined && existsSync(path));
  if (installed !== undefined) return { command: installed, env: {} };
  const folder = join(cache, 'tools', 'unbound');
  if (!existsSync(folder)) await unpackInto(folder);
  return { command: join(folder, 'usr/sbin/unbound'), env: { LD_LIBRARY_PATH: join(folder, LIBRARIES) } };
}

async function unpackInto(folder: string): Promise<void> {
  const parent = join(folder, '..');
  await mkdir(parent, { recursive: true });
  const fresh = await mkdtemp(join(parent, '.unbound-'));
  try {
    const download = `cd "$1" && (apt-get download -q ${PACKAGES.join(' ')} || (apt-get update -q && apt-get download -q ${PACKAGES.join(' ')}))`;
    // apt reads archives as a user of its own.
    await run('sh', ['-c', `chmod 755 "$1" && ${download}`, 'sh', fresh]);
    for (const file of await readdir(fresh))
      await run('dpkg-deb', ['-x', join(fresh, file), join(fresh, 'root')]);
    await rename(join(fresh, 'root'), folder);
  } catch (error) {
    // Another run was quicker; its copy is the same.
    if (existsSync(folder)) return;
    throw new Error('Cannot obtain unbound: expected Debian packages; run: apt-get install unbound', {
      cause: error,
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
