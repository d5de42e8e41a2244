/** Where and of what was measured. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Computer } from './measurement.ts';

const ROOT = join(import.meta.dirname, '..');

export const thisComputer = (): Computer => ({
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  system: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown',
  node: process.versions.node,
});

/** Short commit of the checkout; with `+` where its code differs from that. */
export function commitOf(root = ROOT): string {
  const git = (...args: string[]): string => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' });
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', ':!docs', ':!test').trim();
  return `${git('rev-parse', '--short', 'HEAD').trim()}${changed === '' ? '' : '+'}`;
}

export const load = (): number => Math.round((loadavg()[0] ?? 0) * 100) / 100;
