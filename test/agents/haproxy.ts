/** The HAProxy that machines run, taken out of their base system with the libraries it needs; nothing is installed. */
import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { obtain } from '../../sandbox/toolchain/index.ts';

/** @returns command line that runs `haproxy`; what is unpacked lies in `folder` */
export async function unpackHaproxy(folder: string): Promise<readonly [string, ...string[]]> {
  const members = ['./usr/sbin/haproxy', './usr/lib/*-linux-gnu/*.so*'];
  execFileSync('tar', ['-xf', await obtain('base-root'), '-C', folder, '--wildcards', ...members]);
  const [loader = ''] = globSync(join(folder, 'usr/lib/*-linux-gnu/ld-linux-*.so.*'));
  return [loader, '--library-path', join(loader, '..'), join(folder, 'usr/sbin/haproxy')];
}
