/**
 * Records the histories that replay must still understand.
 *
 *     node test/replay/record.ts                                  all toy operations
 *     node test/replay/record.ts <workflow id>...                 operations of the current context
 */
import { loadContext } from '../../clients/contexts.ts';
import { connectTemporal } from '../../clients/temporal.ts';
import { control, asked, Frame, untilStep, type Run } from '../workflows/frame.ts';
import type { ToyCloud } from '../workflows/toy-cloud.ts';
import type { ToyInput } from '../workflows/toys.ts';
import { recordHistory } from './histories.ts';

interface Scene {
  readonly name: string;
  readonly input?: Partial<ToyInput>;
  readonly prepare?: (cloud: ToyCloud) => void;
  readonly act?: (run: Run) => Promise<void>;
}

const refused = (call: string) => (cloud: ToyCloud) => cloud.fail(call, { type: 'CloudRefused' });
const decide = (choice: string) => async (run: Run) => {
  const { id } = await asked(run);
  await control(run, 'decide', { question: id, choice });
};

const SCENES: readonly Scene[] = [
  { name: 'done', input: { scaffold: true, shared: true, look: true } },
  {
    name: 'approved',
    input: { approval: true },
    act: decide('approve'),
  },
  { name: 'rolled-back', prepare: refused('instance.create machine'), act: decide('roll-back') },
  { name: 'kept', prepare: refused('security-group.create group'), act: decide('keep') },
  {
    name: 'waited',
    input: { wait: { giveUpMs: 60_000, progressMs: 2_000 } },
    prepare: (cloud) =>
      cloud.fail('toy.settled', { type: 'NotYet', retryable: true, nextDelayMs: 1_000, times: 3 }),
  },
  {
    name: 'machine-failed',
    prepare: (cloud) => cloud.fail('instance.ready machine', { type: 'MachineFailed', times: 1 }),
    act: decide('retry'),
  },
  {
    name: 'paused-and-aborted',
    act: async (run) => {
      const vpc = run.cloud.hold('vpc.create vpc');
      await vpc.began;
      await control(run, 'pause');
      vpc.release();
      await untilStep(run, 'vpc', 'done');
      await control(run, 'abort');
    },
  },
];

async function recordToys(): Promise<void> {
  const frame = await Frame.openReal();
  try {
    for (const { name, input, prepare, act } of SCENES) {
      const run = await frame.start('ToyZone', input, prepare);
      await act?.(run);
      await run.handle.result().catch(() => undefined);
      console.log(await recordHistory(`ToyZone-${name}`, run.handle));
    }
  } finally {
    await frame.close();
  }
}

async function recordRunning(workflowIds: readonly string[]): Promise<void> {
  const client = await connectTemporal(loadContext());
  try {
    for (const workflowId of workflowIds) {
      const handle = client.workflow.getHandle(workflowId);
      const { type, status } = await handle.describe();
      console.log(await recordHistory(`${type}-${status.name.toLowerCase()}`, handle));
    }
  } finally {
    await client.connection.close();
  }
}

const workflowIds = process.argv.slice(2);
await (workflowIds.length === 0 ? recordToys() : recordRunning(workflowIds));
