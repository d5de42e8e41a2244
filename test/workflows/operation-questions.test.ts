import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  asked,
  control,
  explain,
  explained,
  failureOf,
  Frame,
  progress,
  refusal,
  tookMs,
  untilStep,
} from './frame.ts';
import { toyPlan } from './toys.ts';

const HOUR = 3_600_000;
const REFUSED = { type: 'CloudRefused' };
let frame: Frame;
before(async () => {
  frame = await Frame.open();
});
after(() => frame.close());

test('a failed step asks, and a retry goes on where it stopped', async () => {
  const run = await frame.start('ToyZone', {}, (cloud) => cloud.fail('security-group.create group', REFUSED));
  const question = await asked(run);
  assert.equal(question.text, '"group" failed: security-group.create group: CloudRefused');
  assert.deepEqual(question.choices, ['retry', 'roll-back', 'keep']);
  assert.equal(question.default, 'roll-back');
  assert.equal(Date.parse(question.deadline) - Date.parse(question.askedAt), 24 * HOUR);
  const { state, youCan } = await explain(run);
  assert.deepEqual(
    [state, youCan],
    ['blocked', ['decide retry', 'decide roll-back', 'decide keep', 'abort']],
  );
  run.cloud.heal('security-group.create group');
  assert.equal(await control(run, 'decide', { question: question.id, choice: 'retry' }), 'decided: retry');
  await run.handle.result();
  assert.equal(run.cloud.count('vpc.create vpc'), 1);
  assert.equal(run.cloud.count('security-group.create group'), 2);
  const group = (await progress(run)).steps.find(({ step }) => step === 'group');
  assert.deepEqual([group?.state, group?.error], ['done', undefined]);
  const decisions = run.cloud.records[0]?.content['decisions'] as Array<Record<string, string>> | undefined;
  const decision = decisions?.[0];
  assert.deepEqual(
    [decision?.['question'], decision?.['choice'], decision?.['actor'], decision?.['reason']],
    [question.id, 'retry', 'bob', 'because'],
  );
});

test('roll-back undoes everything', async () => {
  const run = await frame.start('ToyZone', {}, (cloud) => cloud.fail('instance.create machine', REFUSED));
  const { id } = await asked(run);
  await control(run, 'decide', { question: id, choice: 'roll-back' });
  const failure = await failureOf(run);
  assert.deepEqual([failure.type, [...run.cloud.things]], ['CloudRefused', []]);
});

test('keep leaves what was made, and says so', async () => {
  const run = await frame.start('ToyZone', { scaffold: true }, (cloud) =>
    cloud.fail('instance.create machine', REFUSED),
  );
  const { id } = await asked(run);
  await control(run, 'decide', { question: id, choice: 'keep' });
  const failure = await failureOf(run);
  assert.equal(failure.type, 'CloudRefused');
  assert.match(failure.message, /what was made is kept/);
  assert.equal(run.cloud.things.size, toyPlan.length - 1);
  assert.deepEqual(run.cloud.steps('delete'), ['scaffold']);
  assert.equal(run.cloud.records[0]?.content['outcome'], 'kept');
});

test('keep holds although another step fails while it is carried out', async () => {
  const run = await frame.start('ToyZone', {}, (cloud) => {
    cloud.fail('vpc.create vpc', { ...REFUSED, when: 'after' });
    cloud.fail('role.create role', REFUSED);
  });
  const vpc = run.cloud.hold('vpc.create vpc');
  const { id } = await asked(run);
  await control(run, 'decide', { question: id, choice: 'keep' });
  vpc.release();
  const failure = await failureOf(run);
  assert.match(failure.message, /^role.create role: CloudRefused \(what was made is kept\)/);
  assert.equal(run.cloud.things.size, 1);
});

test('nobody answers: the default is taken after 24 hours', async () => {
  const run = await frame.start('ToyZone', {}, (cloud) => cloud.fail('vpc.create vpc', REFUSED));
  assert.equal((await failureOf(run)).type, 'CloudRefused');
  const passed = tookMs(run);
  assert.ok(passed > 24 * HOUR && passed < 25 * HOUR, `${passed} ms`);
  assert.deepEqual([...run.cloud.things], []);
});

test('an approval that nobody gives is a no, and nothing was begun', async () => {
  const run = await frame.start('ToyZone', { approval: true });
  const failure = await failureOf(run);
  assert.equal(failure.type, 'Declined');
  assert.deepEqual(run.cloud.steps('create'), []);
});

test('an approval lets the plan begin', async () => {
  const run = await frame.start('ToyZone', { approval: true });
  await asked(run);
  assert.deepEqual(run.cloud.calls, []);
  await control(run, 'decide', { question: 'approve', choice: 'approve' });
  await run.handle.result();
  assert.equal(run.cloud.things.size, toyPlan.length);
});

test('a schedule is never asked', async () => {
  const actor = 'schedule:nightly';
  const failing = await frame.start('ToyZone', { actor }, (cloud) => cloud.fail('vpc.create vpc', REFUSED));
  assert.equal((await failureOf(failing)).type, 'CloudRefused');
  assert.deepEqual([...failing.cloud.things], []);
  const unapproved = await frame.start('ToyZone', { actor, approval: true });
  assert.equal((await failureOf(unapproved)).type, 'Declined');
  assert.ok(tookMs(failing) + tookMs(unapproved) < HOUR, 'it waited for an answer');
});

test('onFailure decides beforehand', async () => {
  const run = await frame.start('ToyZone', { onFailure: 'keep' }, (cloud) =>
    cloud.fail('instance.create machine', REFUSED),
  );
  assert.match((await failureOf(run)).message, /kept/);
  assert.equal(run.cloud.things.size, toyPlan.length - 1);
  assert.ok(tookMs(run) < HOUR, 'it waited for an answer');
});

test('refuses an answer to no question, to another question, with another choice, or after the end', async () => {
  const run = await frame.start('ToyZone', { approval: true });
  await asked(run);
  const decide = (args: object) => refusal(control(run, 'decide', args));
  assert.equal(
    await decide({ question: 'failure-1', choice: 'retry' }),
    'Cannot decide "failure-1": the open question is "approve"',
  );
  assert.equal(
    await decide({ question: 'approve', choice: 'yes' }),
    'Cannot decide "yes": expected approve, reject',
  );
  assert.match(await decide({ question: 'approve' }), /expected {question, choice, reason, actor}/);
  assert.match(await decide({ question: 'approve', choice: 'approve', actor: '' }), /expected {question/);
  const machine = run.cloud.hold('instance.create machine');
  await control(run, 'decide', { question: 'approve', choice: 'approve' });
  await machine.began;
  assert.match(await decide({ question: 'approve', choice: 'reject' }), /no question is open/);
  machine.release();
  const { handle, cloud } = run;
  const record = cloud.hold('record.write');
  await record.began;
  assert.match(await decide({ question: 'approve', choice: 'approve' }), /has ended \(done\)/);
  record.release();
  await handle.result();
});

test('steps that fail at the same time ask one after the other, each with its own id', async () => {
  const calls = ['subnet.create subnet-a', 'subnet.create subnet-b', 'security-group.create group'];
  const run = await frame.start('ToyZone', {}, (cloud) => {
    for (const call of calls) cloud.fail(call, { ...REFUSED, times: 1 });
  });
  for (const step of ['subnet-a', 'subnet-b', 'group']) await untilStep(run, step, 'failed');
  const ids: string[] = [];
  for (const _call of calls) {
    const { question } = await explained(
      run,
      (seen) => seen.question !== undefined && !ids.includes(seen.question.id),
    );
    assert.ok(question);
    ids.push(question.id);
    await control(run, 'decide', { question: question.id, choice: 'retry' });
  }
  await run.handle.result();
  assert.equal(new Set(ids).size, 3);
  for (const call of calls) assert.equal(run.cloud.count(call), 2);
});

test('after one roll-back the others that failed are not asked about', async () => {
  const run = await frame.start('ToyZone', {}, (cloud) => {
    for (const call of ['subnet.create subnet-a', 'subnet.create subnet-b']) cloud.fail(call, REFUSED);
  });
  for (const step of ['subnet-a', 'subnet-b']) await untilStep(run, step, 'failed');
  const { id } = await asked(run);
  await control(run, 'decide', { question: id, choice: 'roll-back' });
  assert.equal((await failureOf(run)).type, 'CloudRefused');
  assert.ok(tookMs(run) < HOUR, 'it waited for another answer');
  assert.equal((await explain(run)).decisions.length, 1);
});
