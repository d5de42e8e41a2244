/** Packages of the computer's own Debian; apt verifies them by the archive's signature. */
import { existsSync } from 'node:fs';
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
  const install = () =>
    kitchen.run('apt-get', ['install', ...APT, ...missing], {
      env: ENVIRONMENT,
      message: `installing Debian packages ${names}`,
    });
  try {
    await install();
  } catch {
    // Lists may be absent or name versions that the archive no longer has.
    await kitchen.run('apt-get', ['update', ...APT], {
      env: ENVIRONMENT,
      message: 'reading Debian package lists',
    });
    await install();
  }
}
