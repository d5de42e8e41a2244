import { setTimeout as sleep } from 'node:timers/promises';
import { loadContext } from '../../clients/contexts.ts';
import { connectTemporal } from '../../clients/temporal.ts';
import { reset } from '../../sandbox/reset.ts';
import type { SandboxState } from '../../sandbox/state.ts';
import type { Bench } from '../benches.ts';
import { callsSince, countCalls, lastSequence } from '../calls.ts';
import { runCli } from '../cli.ts';
import { figuresOf } from '../history.ts';
import { withSandbox } from '../home.ts';
import { Measurements } from '../measurement.ts';
import { addMemory } from '../memory.ts';
import {
  addOperation,
  BAKE_STAGES,
  CREATE_STAGES,
  DESTROY_STAGES,
  JOIN_STAGES,
  REMOVE_STAGES,
} from '../stages.ts';

const BAKE = 'BakeAmi';
const CREATE = 'CreateZone';
const JOIN = 'NodeJoin';
const REMOVE = 'NodeRemove';
const DESTROY = 'DestroyZone';

/** Controllers and caches of a new zone come to rest. */
const SETTLE_MS = 15_000;

export const operations: Bench = {
  name: 'operations',
  what: 'Bake, create, join a worker and remove it again while it is idle, destroy, by the command line: stages as the histories tell, calls to AWS as the front counted them (those of machines included), and memory with the zone up.',
  async run({ repeat, say }) {
    const figures = new Measurements();
    for (let round = 1; round <= repeat; round++) {
      await reset();
      await withSandbox((state) => lifeOfZone(state, figures));
      say(`${round} of ${repeat}`);
    }
    return figures.all();
  },
};

async function lifeOfZone(state: SandboxState, figures: Measurements): Promise<void> {
  const idle = 'memory before the first operation';
  addMemory(figures, idle, state);
  await step(state, figures, BAKE, ['image', 'bake', 'examples/images/zone']);
  await step(state, figures, CREATE, ['zone', 'create', 'examples/zone.yaml', '--yes']);
  await sleep(SETTLE_MS);
  addMemory(figures, 'memory with the zone up', state);
  const joined = await step(state, figures, JOIN, ['node', 'join', 'zone03', '--yes', '--json']);
  await addBeyondBoot(figures);
  const { result } = JSON.parse(joined) as { result: { machine: string } };
  await step(state, figures, REMOVE, ['node', 'remove', 'zone03', result.machine, '--yes']);
  await step(state, figures, DESTROY, ['zone', 'destroy', 'zone03', '--yes']);
  addMemory(figures, 'memory after the zone was destroyed', state);
}

const STAGES = {
  [BAKE]: BAKE_STAGES,
  [CREATE]: CREATE_STAGES,
  [JOIN]: JOIN_STAGES,
  [REMOVE]: REMOVE_STAGES,
  [DESTROY]: DESTROY_STAGES,
} as const;

/** What a join adds to the boot of its machine: everything but the time from its launch to its node's registration. */
async function addBeyondBoot(figures: Measurements): Promise<void> {
  const { seconds, activities } = await lastOf(JOIN);
  const registered = activities.find(({ type }) => type === 'node.create');
  if (registered === undefined)
    throw new Error('Cannot tell when the node registered: expected a node.create');
  const boot = registered.to - registered.from;
  figures.add('beyond the boot of its machine', seconds - boot, { unit: 's', group: JOIN });
}

async function step(
  state: SandboxState,
  figures: Measurements,
  type: keyof typeof STAGES,
  command: readonly string[],
): Promise<string> {
  const before = lastSequence(await callsSince(state, 0));
  const { seconds, stdout } = await runCli(command);
  figures.add('command line, start to end', seconds, { unit: 's', group: type });
  addOperation(figures, type, await lastOf(type), STAGES[type]);
  const calls = await callsSince(state, before);
  figures.add('calls to AWS', calls.length, { unit: 'calls', group: type });
  for (const [kind, count] of countCalls(calls))
    figures.add(`calls to AWS: ${kind}`, count, { unit: 'calls', group: type });
  const refused = calls.filter(({ status }) => status >= 400 && status < 500).length;
  figures.add('calls to AWS: answered with 4xx (not there yet)', refused, { unit: 'calls', group: type });
  return stdout;
}

/** Figures of the only operation of this type that the sandbox has seen. */
async function lastOf(type: string): ReturnType<typeof figuresOf> {
  const client = await connectTemporal(loadContext());
  try {
    for await (const { workflowId } of client.workflow.list({ query: `WorkflowType = '${type}'` }))
      return await figuresOf(client, workflowId);
    throw new Error(`Cannot find the history of ${type}: expected one in a new sandbox`);
  } finally {
    await client.connection.close();
  }
}
