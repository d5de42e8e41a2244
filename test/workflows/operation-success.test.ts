import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { explain, failureOf, Frame, progress } from './frame.ts';
import { toyPlan } from './toys.ts';

let frame: Frame;
before(async () => {
  frame = await Frame.open();
});
after(() => frame.close());

test('does a plan in the order of its needs, side by side where nothing is needed', async () => {
  const run = await frame.start('ToyZone', {}, (cloud) => {
    cloud.meet('vpc.create vpc', 'role.create role');
    cloud.meet('subnet.create subnet-a', 'subnet.create subnet-b', 'security-group.create group');
  });
  const result = await run.handle.result();
  const { cloud } = run;
  assert.deepEqual(cloud.steps('create').toSorted(), toyPlan.map(({ step }) => step).toSorted());
  const at = (event: string) => cloud.events.indexOf(event);
  assert.ok(at('ended vpc.create vpc') < at('began subnet.create subnet-a'));
  assert.deepEqual(cloud.calls.slice(-3), [
    'instance.create machine',
    'instance.ready machine',
    'record.write',
  ]);
  assert.deepEqual(cloud.steps('delete'), []);
  const [machine] = [...cloud.things].find(([, { step }]) => step === 'machine') ?? [];
  assert.deepEqual(result, { machine });
});

test('starts a step as soon as its own needs are met, not when a whole layer is', async () => {
  const run = await frame.start('ToyZone');
  const role = run.cloud.hold('role.create role');
  const group = run.cloud.hold('security-group.create group');
  await group.began;
  role.release();
  group.release();
  await run.handle.result();
  const at = (event: string) => run.cloud.events.indexOf(event);
  assert.ok(at('ended role.create role') > at('began security-group.create group'));
});

test('says what it does while it does it, and what it did afterwards', async () => {
  const run = await frame.start('ToyZone', { reason: 'a toy is needed', zone: 'zone01' });
  const vpc = run.cloud.hold('vpc.create vpc');
  await vpc.began;
  const during = await explain(run);
  assert.equal(during.state, 'running');
  assert.equal(during.operation, run.workflowId);
  assert.deepEqual(
    [during.type, during.actor, during.reason, during.zone],
    ['ToyZone', 'alice', 'a toy is needed', 'zone01'],
  );
  assert.deepEqual(during.youCan, ['pause', 'abort']);
  const steps = new Map((await progress(run)).steps.map((step) => [step.step, step]));
  assert.equal(steps.get('vpc')?.state, 'running');
  assert.equal(steps.get('vpc')?.summary, 'creating VPC 172.16.0.0/23');
  assert.equal(steps.get('machine')?.state, 'waiting');
  vpc.release();
  await run.handle.result();
  const end = await explain(run);
  assert.deepEqual([end.state, end.waits, end.youCan], ['done', [], []]);
  const ended = (await progress(run)).steps;
  assert.deepEqual([...new Set(ended.map(({ state }) => state))], ['done']);
  assert.deepEqual(ended.map(({ made }) => made ?? '').toSorted(), [...run.cloud.things.keys()].toSorted());
});

test('writes one record: input, steps, outcome', async () => {
  const run = await frame.start('ToyZone', { reason: 'for the record' });
  await run.handle.result();
  assert.equal(run.cloud.count('record.write'), 1);
  const [record] = run.cloud.records;
  assert.match(record?.operation ?? '', new RegExp(`^${run.workflowId}\\.[0-9a-f]{8}$`));
  const { outcome, input, steps, type, workflowId } = record?.content ?? {};
  assert.deepEqual([outcome, type, workflowId], ['done', 'ToyZone', run.workflowId]);
  assert.equal((input as { reason: string }).reason, 'for the record');
  assert.equal((steps as unknown[]).length, toyPlan.length);
});

test('undoes what is temporary after success, looks twice, and keeps the rest', async () => {
  const run = await frame.start('ToyZone', { scaffold: true, shared: true });
  await run.handle.result();
  assert.deepEqual(run.cloud.steps('delete'), ['scaffold']);
  assert.equal(run.cloud.count('sweep'), 2);
  const kept = [...run.cloud.things.values()].map(({ step }) => step).toSorted();
  assert.deepEqual(kept, ['name-servers', ...toyPlan.map(({ step }) => step)].toSorted());
  assert.equal(run.cloud.records[0]?.content['outcome'], 'done');
});

test('what is temporary and cannot be undone fails the operation, and nothing else is undone for it', async () => {
  const run = await frame.start('ToyZone', { scaffold: true }, (cloud) => {
    cloud.fail('vpc.delete scaffold', { type: 'CloudRefused' });
    cloud.sticky = true;
  });
  const failure = await failureOf(run);
  assert.equal(failure.type, 'Leftover');
  assert.match(failure.message, /cannot undo "scaffold"/);
  assert.equal(run.cloud.things.size, toyPlan.length + 1);
  assert.deepEqual(run.cloud.steps('delete'), ['scaffold']);
  assert.equal(run.cloud.count('record.write'), 1);
  assert.deepEqual(run.cloud.records[0]?.content['left'], ['scaffold', 'vpc scaffold-1']);
});

test('a record that cannot be written undoes nothing', async () => {
  const run = await frame.start('ToyZone', {}, (cloud) =>
    cloud.fail('record.write', { type: 'CloudRefused' }),
  );
  const failure = await failureOf(run);
  assert.equal(failure.type, 'CloudRefused');
  assert.match(failure.message, /record/);
  assert.equal(run.cloud.things.size, toyPlan.length);
  assert.deepEqual(run.cloud.steps('delete'), []);
});
