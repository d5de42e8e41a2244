/** Makes folders and archives of Debian's packages, whatever the computer itself runs; apt verifies them by signature. */
import { existsSync, readFileSync } from 'node:fs';
import type { Kitchen } from './tool.ts';

export const SUITE = 'bookworm';

/** Takes packages with all that they need into `to`: installed on a small system, or only unpacked. */
export async function debootstrap(
  variant: 'minbase' | 'extract',
  packages: readonly string[],
  to: string,
  kitchen: Kitchen,
): Promise<void> {
  await kitchen.need('debian-packages');
  const args = [`--variant=${variant}`, `--include=${packages.join(',')}`, SUITE, to, ...archives()];
  const message =
    variant === 'minbase' ? `making a root of Debian ${SUITE}` : `unpacking ${packages.join(', ')}`;
  await kitchen.run('mmdebstrap', args, { message });
}

/** The computer's own mirror where it runs the same Debian; mmdebstrap's default elsewhere. */
function archives(): string[] {
  const sources = '/etc/apt/sources.list.d/debian.sources';
  const same = readFileSync('/etc/os-release', 'utf8').includes(`VERSION_CODENAME=${SUITE}`);
  return same && existsSync(sources) ? [sources] : [];
}
