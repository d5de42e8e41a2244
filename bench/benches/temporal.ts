import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Bench } from '../benches.ts';
import { withSandbox } from '../home.ts';
import { Measurements, type Measurement } from '../measurement.ts';
import type * as latency from '../workflows/latency.ts';

const QUEUE = 'bench';
const WORKFLOWS = join(import.meta.dirname, '../workflows/latency.ts');
const BASELINE = 'an empty workflow, started and awaited';
const STEPS = 10;
const AT_ONCE = 100;

export const temporal: Bench = {
  name: 'temporal',
  what: "What a step costs in Temporal itself: the sandbox's own server, one worker, activities that do nothing.",
  run({ repeat }) {
    Runtime.install({ logger: new DefaultLogger('WARN') });
    return withSandbox(
      async ({ temporalAddress: address, namespace }) => {
        const native = await NativeConnection.connect({ address });
        const connection = await Connection.connect({ address });
        try {
          const worker = await Worker.create({
            ...{ connection: native, namespace, taskQueue: QUEUE, workflowsPath: WORKFLOWS },
            activities: { nothing: () => Promise.resolve() },
          });
          return await worker.runUntil(() => measure(new Client({ connection, namespace }), repeat));
        } finally {
          await connection.close();
          await native.close();
        }
      },
      { workers: [] },
    );
  },
};

async function measure(client: Client, repeat: number): Promise<readonly Measurement[]> {
  const figures = new Measurements();
  let runs = 0;
  const milliseconds = async (type: keyof typeof latency, args: [number] | []): Promise<number> => {
    const began = performance.now();
    await client.workflow.execute(type, { taskQueue: QUEUE, workflowId: `bench-${++runs}`, args });
    return performance.now() - began;
  };
  await milliseconds('empty', []); // the first one loads the bundle
  // Latencies are short: more of them, for a middle that means something.
  for (let round = 0; round < repeat * 10; round++) {
    const alone = await milliseconds('empty', []);
    figures.add(BASELINE, alone, { unit: 'ms' });
    const steps = (await milliseconds('sequence', [STEPS])) - alone;
    figures.add('an activity after another, each', steps / STEPS, { unit: 'ms', baseline: BASELINE });
    const inside = (await milliseconds('locally', [STEPS])) - alone;
    figures.add('a local activity after another, each', inside / STEPS, { unit: 'ms', baseline: BASELINE });
  }
  for (let round = 0; round < repeat; round++) {
    const seconds = (await milliseconds('atOnce', [AT_ONCE])) / 1000;
    figures.add(`activities, ${AT_ONCE} at the same time`, AT_ONCE / seconds, { unit: 'per s' });
  }
  return figures.all();
}
