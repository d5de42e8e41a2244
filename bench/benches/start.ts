import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { reset } from '../../sandbox/reset.ts';
import { sandboxHome } from '../../sandbox/state.ts';
import { cacheRoot } from '../../sandbox/toolchain/cache.ts';
import type { Bench } from '../benches.ts';
import { runCli } from '../cli.ts';
import { Measurements } from '../measurement.ts';

type Phases = readonly (readonly [phase: string, end: RegExp])[];

/** Lines of `npm start` that end a phase, in their order. */
const ANSWERED = ['zone, to the pod that answered', /^a pod of the zone answered/] as const;
const CHAPTER = (name: string) => [name, new RegExp(`^  ${name}: `)] as const;
const CHAPTERS = [
  CHAPTER('service apply'),
  CHAPTER('service roll'),
  CHAPTER('etcd backup'),
  CHAPTER('node join'),
  CHAPTER('node remove'),
] as const;
const SHOWN = ['last words', /^everything is shown/] as const;
const DOWN = ['taking everything down', /^✓ sandbox down/] as const;
const UNBAKED_PHASES: Phases = [
  ['sandbox up', /^Temporal UI:/],
  ['packing the recipe', /^baking /],
  ['uploading it, bake', /^Zone .* in /],
  ...[ANSWERED, ...CHAPTERS, SHOWN, DOWN],
];
const BAKED_PHASES: Phases = [
  ['sandbox up', /^Temporal UI:/],
  ['finding the image of the recipe', /^Zone .* in /],
  ...[ANSWERED, ...CHAPTERS, SHOWN, DOWN],
];

const UNBAKED = 'toolchain cached, nothing baked';
const BAKED = 'image baked';
const COLD = 'nothing cached';

export const start: Bench = {
  name: 'start',
  what: '`npm start -- --once` from its start until everything is shown, as its own progress tells; the service is asked 200 times a second while it is rolled and while a worker goes. The first round of each run bakes, from a cache that holds the toolchain and nothing else (no recipe, bundle or source image); the later ones find the image.',
  async run({ repeat, say }) {
    const figures = new Measurements();
    for (let round = 1; round <= repeat; round++) {
      await reset();
      const cache = cacheOfToolsOnly();
      try {
        await once({ group: UNBAKED, target: 300 }, UNBAKED_PHASES, cache, figures);
        await once({ group: BAKED, target: 120 }, BAKED_PHASES, cache, figures);
      } finally {
        rmSync(cache, { recursive: true, force: true });
      }
      say(`${round} of ${repeat}`);
    }
    const cold = {
      name: 'whole',
      group: COLD,
      unit: 's',
      values: [],
      note: 'needs an empty cache of tools',
    } as const;
    return [...figures.all(), cold];
  },
};

async function once(
  { group, target }: { readonly group: string; readonly target: number },
  phases: Phases,
  cache: string,
  figures: Measurements,
): Promise<void> {
  const { lines } = await runCli(['start', '--once'], { ZONEWRIGHT_CACHE: cache });
  let before = 0;
  for (const [phase, end] of phases) {
    const line = lines.find(({ text }) => end.test(text));
    if (!line) throw new Error(`Cannot tell when "${phase}" ended: expected a line like ${end}`);
    figures.add(phase, line.at - before, { unit: 's', group });
    if (phase === ANSWERED[0]) figures.add('until a pod answered', line.at, { unit: 's', group });
    if (phase === SHOWN[0])
      figures.add('whole: until everything is shown', line.at, { unit: 's', group, target });
    before = line.at;
  }
}

/** As the cache is where tools were obtained and nothing else was done. */
function cacheOfToolsOnly(): string {
  const folder = mkdtempSync(`${sandboxHome()}-cache-`);
  for (const part of ['tools', 'go'])
    if (existsSync(join(cacheRoot(), part))) symlinkSync(join(cacheRoot(), part), join(folder, part));
  return folder;
}
