/** A toy tool that needs no network; run as a program it obtains itself, `slowly` where that is its argument. */
import { appendFileSync, chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { obtainTool } from '../../sandbox/toolchain/engine.ts';
import type { Download, Tool } from '../../sandbox/toolchain/tool.ts';

export interface ToyOptions {
  readonly downloads?: readonly Download[];
  /** Gets a line for each time the toy is made. */
  readonly journal?: string;
  readonly delayMs?: number;
  readonly flavour?: string;
}

export const toyScript = (version: string): string => `#!/bin/sh\necho "toy version ${version}"\n`;

export function toyTool({ downloads = [], journal, delayMs = 0, flavour = 'plain' }: ToyOptions = {}): Tool {
  return {
    name: 'toy',
    version: '2.1.0',
    onPath: {
      command: 'toy',
      args: ['--version'],
      pattern: /^toy version (\S+)/m,
      accepts: (version) => version === '2.1.0',
    },
    source: {
      kind: 'parcel',
      file: 'toy',
      parcel: {
        name: 'toy',
        version: '2.1.0',
        downloads,
        ingredients: async () => [flavour],
        make: async (folder) => {
          if (journal) appendFileSync(journal, 'made\n');
          writeFileSync(join(folder, 'half'), 'half made');
          await sleep(delayMs);
          writeFileSync(join(folder, 'toy'), toyScript('2.1.0'));
          chmodSync(join(folder, 'toy'), 0o755);
        },
      },
    },
    install: 'apt-get install toy',
  };
}

if (import.meta.main) {
  const [journal = '', delayMs = '0'] = process.argv.slice(2);
  const tool = toyTool({ journal, delayMs: Number(delayMs) });
  process.stdout.write(await obtainTool(tool, () => undefined, { onProgress: () => {} }));
}
