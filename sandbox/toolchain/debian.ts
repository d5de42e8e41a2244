/** Packages of the computer's own Debian; apt verifies them by the archive's signature. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheRoot } from './cache.ts';
import { withLock } from './lock.ts';
import { runCommand } from './run.ts';
import type { Kitchen } from './tool.ts';

const APT = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=600', '-o', 'Acquire::Retries=3'];
const ENVIRONMENT = { DEBIAN_FRONTEND: 'noninteractive' };

export class DebianError extends Error {
  override readonly name = 'DebianError';
}

export async function missingPackages(packages: readonly string[]): Promise<readonly string[]> {
  if (!existsSync('/var/lib/dpkg/status')) return packages;
  // dpkg-query fails when one of the names is unknown to it, and still lists the others.
  const list = await runCommand('sh', [
    '-c',
    `dpkg-query -W -f '\${db:Status-Status} \${Package}\\n' "$@" 2>/dev/null || true`,
    'sh',
    ...packages,
  ]);
  const installed = new Set(
    list
      .split('\n')
      .filter((line) => line.startsWith('installed '))
      .map((line) => line.slice('installed '.length)),
  );
  return packages.filter((name) => !installed.has(name));
}

/** Installs what is missing. @throws {DebianError} off Debian or without root */
export async function installPackages(packages: readonly string[], kitchen: Kitchen): Promise<void> {
  const missing = await missingPackages(packages);
  if (missing.length === 0) return;
  const names = missing.join(' ');
  if (!existsSync('/usr/bin/apt-get')) throw new DebianError(`this is no Debian, and ${names} is missing`);
  if (process.getuid?.() !== 0) throw new DebianError(`only root can install ${names}`);
  // apt waits for dpkg but not for its own lists and downloads, so that two runs at once would fail.
  await withLock(
    join(cacheRoot(), 'apt.lock'),
    async () => install(await missingPackages(missing), kitchen),
    {
      onWait: (pid) => kitchen.say(`waiting for process ${pid}, which is installing packages`),
      signal: kitchen.signal,
    },
  );
}

async function install(packages: readonly string[], kitchen: Kitchen): Promise<void> {
  if (packages.length === 0) return;
  const apt = (message: string, ...args: readonly string[]) =>
    kitchen.run('apt-get', args, { env: ENVIRONMENT, message });
  const attempt = () =>
    apt(`installing Debian packages ${packages.join(' ')}`, 'install', ...APT, ...packages);
  try {
    await attempt();
  } catch (error) {
    if (kitchen.signal?.aborted) throw error;
    // Lists may be absent or name versions that the archive no longer has.
    await apt('reading Debian package lists', 'update', ...APT);
    await attempt();
  }
}
