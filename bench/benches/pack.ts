import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { packRecipe } from '../../clients/recipes/pack.ts';
import { bundleAgents } from '../../clients/recipes/bundle-agents.ts';
import { sandboxHome } from '../../sandbox/state.ts';
import { obtain, type ToolName } from '../../sandbox/toolchain/index.ts';
import type { Bench } from '../benches.ts';
import { Measurements } from '../measurement.ts';

const BASELINE = 'tar -czf of the same files with gzip -1';
const RECIPE = join(import.meta.dirname, '../../examples/images/zone');

export const pack: Bench = {
  name: 'pack',
  what: 'Packing the recipe of the zone image, from an empty cache and again, beside GNU tar and gzip.',
  async run({ repeat, say }) {
    const figures = new Measurements();
    const tools = new Set<string>();
    const agents = await bundleAgents();
    const resolveTool = async (name: string): Promise<string> => {
      const path = name === 'zonewright-agents' ? agents : await obtain(name as ToolName);
      tools.add(path);
      return path;
    };
    for (let round = 1; round <= repeat; round++) {
      const cache = mkdtempSync(`${sandboxHome()}-pack-`);
      try {
        const about = { baseline: BASELINE };
        const packed = await figures.time(
          'first time',
          () => packRecipe(RECIPE, { resolveTool, cache }),
          about,
        );
        await figures.time('again, nothing changed', () => packRecipe(RECIPE, { resolveTool, cache }), about);
        figures.add('size', packed.bytes / 2 ** 20, { unit: 'MiB' });
        const others = ['--use-compress-program=gzip -1', '-chf', join(cache, 'x.tgz'), RECIPE, ...tools];
        await figures.time(BASELINE, async () => void execFileSync('tar', others, { stdio: 'ignore' }));
      } finally {
        rmSync(cache, { recursive: true, force: true });
      }
      say(`${round} of ${repeat}`);
    }
    return figures.all();
  },
};
