import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadContext } from '../../clients/contexts.ts';
import { connectTemporal } from '../../clients/temporal.ts';
import { startLoad } from '../../sandbox/load/load.ts';
import { reset } from '../../sandbox/reset.ts';
import type { Bench } from '../benches.ts';
import { runCli } from '../cli.ts';
import { figuresOf, stage } from '../history.ts';
import { withSandbox } from '../home.ts';
import { Measurements } from '../measurement.ts';
import { addOperation, ROLL_STAGES, SLOWEST_READY } from '../stages.ts';

const ZONE = 'zone03';
const EXAMPLE = join(import.meta.dirname, '../../examples/services.yml');
const RATE = 200;
const BASELINE = 'slowest of the new ones Ready + drain';

export const roll: Bench = {
  name: 'roll',
  what: `A service of 5 and of 20 instances rolled under ${RATE} requests a second through the border (its soak of one second counts): the whole operation against what no roll can be quicker than, the slowest Ready and the drain.`,
  async run({ repeat, say }) {
    const figures = new Measurements();
    await reset();
    const folder = mkdtempSync(join(tmpdir(), 'zonewright-roll-'));
    try {
      await withSandbox(async () => {
        const made = await runCli(['zone', 'create', 'examples/zone.yaml', '--yes', '--json']);
        const { result } = JSON.parse(made.stdout) as { result: { domain: string; borders: string[] } };
        for (const instances of [5, 20])
          for (let round = 1; round <= repeat; round++) {
            await rollOnce({ folder, instances, round, ...result }, figures);
            say(`${instances} instances: ${round} of ${repeat}`);
          }
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
    return figures.all();
  },
};

interface Round {
  readonly folder: string;
  readonly instances: number;
  readonly round: number;
  readonly domain: string;
  readonly borders: readonly string[];
}

async function rollOnce(one: Round, figures: Measurements): Promise<void> {
  const { folder, instances, round, domain, borders } = one;
  const file = (version: string): string => {
    const path = join(folder, `${instances}-${version}.yml`);
    const text = readFileSync(EXAMPLE, 'utf8')
      .replace(/num_instances: \d+/, `num_instances: ${instances}`)
      .replace(/min_available: \d+/, `min_available: ${instances - 1}`);
    writeFileSync(path, text.replaceAll('web v1', `web ${version}`));
    return path;
  };
  const options = ['--soak', '1s', '--yes'];
  await runCli(['service', 'apply', file(`v${round}`), '--zone', ZONE, ...options]);
  const load = startLoad({
    url: `http://${borders[0]}/`,
    host: `web.${domain}`,
    rate: RATE,
    keepAlive: true,
  });
  await runCli(['service', 'roll', ZONE, 'web', '--file', file(`v${round}-next`), ...options]);
  const { failed, sent } = await load.stop();
  const group = `n = ${instances}`;
  const client = await connectTemporal(loadContext());
  try {
    const operation = await figuresOf(client, `roll-${ZONE}-web`);
    const ready = stage(operation, SLOWEST_READY) ?? Number.NaN;
    const drain = stage(operation, ({ type }) => type === 'service.drained') ?? Number.NaN;
    figures.add(BASELINE, ready + drain, { unit: 's', group });
    addOperation(figures, group, operation, ROLL_STAGES, BASELINE);
  } finally {
    await client.connection.close();
  }
  figures.add('requests', sent, { unit: 'calls', group });
  figures.add('requests that failed', failed, { unit: 'calls', group, target: 0 });
}
