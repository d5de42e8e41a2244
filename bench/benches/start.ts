import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { reset } from '../../sandbox/reset.ts';
import { sandboxHome } from '../../sandbox/state.ts';
import { cacheRoot } from '../../sandbox/toolchain/cache.ts';
import type { Bench } from '../benches.ts';
import { runCli, type SaidLine } from '../cli.ts';
import { Measurements } from '../measurement.ts';

/** Lines of `npm start` that end a phase, in their order. Phases whose end is not said did not happen. */
const PHASES: readonly (readonly [phase: string, end: RegExp])[] = [
  ['sandbox up', /^Temporal UI:/],
  ['packing the recipe', /^uploading the recipe/],
  ['upload, starting the bake', /^baking /],
  ['bake', /^Zone .* in /],
  ['zone, to the pod that answered', /^a pod of the zone answered/],
  ['taking everything down', /^✓ sandbox down/],
];

const UNBAKED = 'toolchain cached, nothing baked';
const BAKED = 'image baked';
const COLD = 'nothing cached';

export const start: Bench = {
  name: 'start',
  what: '`npm start -- --once` from its start until a pod of the zone answered, as its own progress tells. The first round of each run bakes, from a cache that holds the toolchain and nothing else (no recipe, bundle or source image); the later ones find the image.',
  async run({ repeat, say }) {
    const figures = new Measurements();
    for (let round = 1; round <= repeat; round++) {
      await reset();
      const cache = cacheOfToolsOnly();
      try {
        await once(UNBAKED, 240, cache, figures);
        await once(BAKED, 90, cache, figures);
      } finally {
        rmSync(cache, { recursive: true, force: true });
      }
      say(`${round} of ${repeat}`);
    }
    const cold = { name: 'whole', group: COLD, unit: 's', values: [], note: 'not measured here' } as const;
    return [...figures.all(), cold];
  },
};

async function once(group: string, target: number, cache: string, figures: Measurements): Promise<void> {
  const { lines } = await runCli(['start', '--once'], { ZONEWRIGHT_CACHE: cache });
  let before = 0;
  for (const [phase, end] of PHASES) {
    const line: SaidLine | undefined = lines.find(({ text }) => end.test(text));
    if (!line) continue;
    figures.add(phase, line.at - before, { unit: 's', group });
    before = line.at;
    if (phase.startsWith('zone'))
      figures.add('whole: until a pod answered', line.at, { unit: 's', group, target });
  }
}

/** As the cache is where tools were obtained and nothing else was done. */
function cacheOfToolsOnly(): string {
  const folder = mkdtempSync(`${sandboxHome()}-cache-`);
  for (const part of ['tools', 'go'])
    if (existsSync(join(cacheRoot(), part))) symlinkSync(join(cacheRoot(), part), join(folder, part));
  return folder;
}
