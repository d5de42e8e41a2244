import { join } from 'node:path';
import { SUITE } from './mmdebstrap.ts';
import type { Parcel, Tool } from './tool.ts';

/** Debian keeps a version for the life of a suite and only mends it. */
const VERSION = '1.6.20';

const parcel: Parcel = {
  name: 'containerd',
  version: VERSION,
  downloads: [],
  ingredients: async () => [SUITE],
  make: async (folder, kitchen) => {
    const root = await kitchen.need('base-root');
    const out = ['-C', folder, '--strip-components=3'];
    await kitchen.run('tar', ['-xf', root, ...out, './usr/bin/containerd', './usr/bin/ctr']);
    const said = await kitchen.run(join(folder, 'containerd'), ['--version']);
    if (!said.includes(` ${VERSION}`))
      throw new Error(`base-root brings containerd "${said.trim()}", expected ${VERSION}`);
  },
};

/** The machines' container runtime: the one that base-root brings, checked to be the one that was tried. */
export const containerd: Tool = {
  name: 'containerd',
  version: VERSION,
  source: { kind: 'parcel', parcel, file: 'containerd' },
  install: 'apt-get install containerd',
};
