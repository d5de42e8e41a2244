import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Explanation } from '../../domain/explain.ts';
import { SEARCH_ATTRIBUTES } from '../../domain/operations.ts';
import { asked, control, eventually, explain, failureOf, Frame, untilStep, type Run } from './frame.ts';

const TASK_FAILED = 9;
let frame: Frame;
before(async () => {
  frame = await Frame.openReal();
});
after(() => frame.close());

/** Ids of the operations that a list by state finds. */
async function listed(state: string): Promise<string[]> {
  const query = `${SEARCH_ATTRIBUTES.state} = '${state}' AND ${SEARCH_ATTRIBUTES.operation} = 'ToyZone'`;
  const found: string[] = [];
  for await (const { workflowId } of frame.env.client.workflow.list({ query })) found.push(workflowId);
  return found;
}
const listedAs = (run: Run, state: string) =>
  eventually(
    () => listed(state),
    (ids) => ids.includes(run.workflowId),
  );

test('can be found by what it does at the moment', async () => {
  const run = await frame.start('ToyZone', { approval: true, zone: 'zone07' });
  await listedAs(run, 'blocked');
  const vpc = run.cloud.hold('vpc.create vpc');
  await asked(run);
  await control(run, 'decide', { question: 'approve', choice: 'approve' });
  await listedAs(run, 'running');
  await control(run, 'pause');
  await listedAs(run, 'waiting');
  const undo = run.cloud.hold('vpc.delete vpc');
  vpc.release();
  await untilStep(run, 'vpc', 'done');
  await control(run, 'abort');
  await undo.began;
  await listedAs(run, 'undoing');
  undo.release();
  await failureOf(run);
  await listedAs(run, 'failed');
  const { searchAttributes } = await run.handle.describe();
  assert.deepEqual(searchAttributes[SEARCH_ATTRIBUTES.zone], ['zone07']);
  assert.deepEqual(searchAttributes[SEARCH_ATTRIBUTES.actor], ['alice']);
});

test('its explanation can be read while no worker answers, and of two answers to it one counts', async () => {
  const run = await frame.start('ToyZone', { approval: true });
  const question = await asked(run);
  await frame.stopWorker();
  const explanation = (await run.handle.describe()).memo?.['explain'] as Explanation;
  assert.deepEqual(explanation.question, question);
  assert.deepEqual([explanation.state, explanation.headline], ['blocked', 'asks: Make the toy zone?']);
  assert.deepEqual(explanation.youCan, ['decide approve', 'decide reject', 'abort']);
  const answers = ['approve', 'reject'].map((choice) =>
    control(run, 'decide', { question: 'approve', choice }),
  );
  const settled = Promise.allSettled(answers);
  await new Promise((resolve) => setTimeout(resolve, 200)); // both arrive before the next worker does
  await frame.startWorker();
  const outcomes = (await settled).map(({ status }) => status);
  assert.deepEqual(outcomes.toSorted(), ['fulfilled', 'rejected']);
  const approved = outcomes[0] === 'fulfilled';
  await run.handle.result().then(
    () => assert.ok(approved),
    () => assert.ok(!approved),
  );
  assert.equal((await explain(run)).decisions.length, 1);
});

/** Why the server had to ask for a workflow task again. */
async function taskFailure({ handle }: Run): Promise<string> {
  const events = await eventually(
    async () => (await handle.fetchHistory()).events ?? [],
    (seen) => seen.some(({ eventType }) => eventType === TASK_FAILED),
  );
  const failed = events.find(({ eventType }) => eventType === TASK_FAILED);
  return failed?.workflowTaskFailedEventAttributes?.failure?.message ?? '';
}

test('a bug undoes nothing, also when a step fails beside it', async () => {
  const run = await frame.start('ToyBug', { onFailure: 'roll-back' }, (cloud) =>
    cloud.fail('vpc.create vpc', { type: 'CloudRefused' }),
  );
  assert.equal(await taskFailure(run), 'a bug in workflow code');
  assert.deepEqual([run.cloud.steps('delete'), run.cloud.records], [[], []]);
  assert.equal((await run.handle.describe()).status.name, 'RUNNING');
  await run.handle.terminate('shown');
});

test('a bug in workflow code undoes nothing, and the operation goes on once it is mended', async () => {
  const run = await frame.start('ToyBroken');
  assert.match(await taskFailure(run), /undefined/);
  assert.deepEqual(run.cloud.steps('delete'), []);
  assert.equal((await run.handle.describe()).status.name, 'RUNNING');
  await frame.stopWorker();
  await frame.startWorker('test/workflows/toys-fixed.ts');
  const vpc = await run.handle.result();
  assert.deepEqual([run.cloud.things.has(String(vpc)), run.cloud.things.size], [true, 2]);
  assert.deepEqual(run.cloud.steps('create').toSorted(), ['role', 'vpc']);

  await frame.stopWorker();
  await frame.startWorker();
});
