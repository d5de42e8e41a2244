import { chmodSync, copyFileSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { debootstrap, SUITE } from './mmdebstrap.ts';
import type { Kitchen, Parcel, Tool } from './tool.ts';

/** Installing the package would start a service on the computer's own port 53. */
const STARTER = `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/lib/ld.so" --library-path "$here/lib" "$here/lib/unbound" "$@"
`;

const parcel: Parcel = {
  name: 'unbound',
  version: SUITE,
  downloads: [],
  ingredients: async () => [STARTER],
  make: async (folder, kitchen) => {
    const root = join(folder, 'root');
    try {
      await debootstrap('extract', ['unbound'], root, kitchen);
      await takeProgram(root, join(folder, 'lib'), kitchen);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
    const file = join(folder, 'unbound');
    writeFileSync(file, STARTER);
    chmodSync(file, 0o755);
  },
};

/** The program, its libraries and the loader that fits them: nothing of the computer's own Debian is asked for. */
async function takeProgram(root: string, lib: string, kitchen: Kitchen): Promise<void> {
  const program = join(root, 'usr/sbin/unbound');
  const [loader = ''] = globSync(join(root, 'lib/*/ld-linux-*.so.*'));
  const folders = globSync([join(root, 'lib/*-linux-gnu'), join(root, 'usr/lib/*-linux-gnu')]);
  const needed = await kitchen.run(loader, ['--library-path', folders.join(':'), '--list', program]);
  mkdirSync(lib);
  for (const [, path = ''] of needed.matchAll(/=> (\S+) \(/g)) {
    if (!path.startsWith(`${root}/`))
      throw new Error(`Cannot take unbound: it needs ${path}, expected Debian's`);
    copyFileSync(path, join(lib, basename(path)));
  }
  copyFileSync(loader, join(lib, 'ld.so'));
  copyFileSync(program, join(lib, 'unbound'));
}

/** The resolver of the sandbox's machines. */
export const unbound: Tool = {
  name: 'unbound',
  version: '1.17',
  onPath: {
    command: 'unbound',
    args: ['-V'],
    pattern: /^Version (\d+\.\d+)/m,
    accepts: (version) => Number(version.split('.')[0]) > 1 || Number(version.split('.')[1]) >= 17,
  },
  source: { kind: 'parcel', parcel, file: 'unbound' },
  install: 'apt-get install unbound',
};
