import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPython, installLocked, needPython, readLock } from './python.ts';
import type { Parcel, Tool } from './tool.ts';

const VERSION = '5.2.5';

/** Finds its packages beside itself, since the folder is renamed once it is whole. */
const starter = (python: string): string => `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
export PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here/../packages"
exec ${python} -c 'from moto.server import main; main()' "$@"
`;

const parcel: Parcel = {
  name: 'moto',
  version: VERSION,
  downloads: [],
  prepare: async (kitchen) => void (await needPython(kitchen)),
  ingredients: async (kitchen) => {
    const python = await findPython(kitchen);
    return [readLock('moto'), starter(python?.executable ?? ''), python?.version ?? 'no python'];
  },
  make: async (folder, kitchen) => {
    const python = await needPython(kitchen);
    await installLocked('moto', join(folder, 'packages'), python, kitchen);
    mkdirSync(join(folder, 'bin'));
    const file = join(folder, 'bin', 'moto_server');
    writeFileSync(file, starter(python.executable));
    chmodSync(file, 0o755);
  },
};

/** The AWS emulator behind the sandbox's front. */
export const moto: Tool = {
  name: 'moto',
  version: VERSION,
  source: { kind: 'parcel', parcel, file: 'bin/moto_server' },
  install: `python3 -m venv /opt/moto && /opt/moto/bin/pip install 'moto[server]==${VERSION}' && export ZONEWRIGHT_MOTO=/opt/moto/bin/moto_server`,
};
