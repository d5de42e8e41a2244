import { execFileSync } from 'node:child_process';
import { down } from '../../sandbox/down.ts';
import { up } from '../../sandbox/up.ts';
import type { Bench } from '../benches.ts';
import { Measurements } from '../measurement.ts';

const BASELINE = 'a Node process that does nothing';

export const sandbox: Bench = {
  name: 'sandbox',
  what: '`sandbox up` by step and `sandbox down`, the toolchain being cached, beside the start of an empty Node process.',
  async run({ repeat, say }) {
    const figures = new Measurements();
    for (let round = 1; round <= repeat; round++) {
      await figures.time(BASELINE, async () => void execFileSync(process.execPath, ['-e', '0']));
      await figures.time('up', () => upByStep(figures), { baseline: BASELINE });
      await figures.time('down', down, { baseline: BASELINE });
      say(`${round} of ${repeat}`);
    }
    return figures.all();
  },
};

async function upByStep(figures: Measurements): Promise<void> {
  await up({
    onProgress: ({ step, state, elapsedMs }) => {
      if (state === 'done') figures.add(`up: ${step}`, elapsedMs / 1000, { unit: 's' });
    },
  });
}
