import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { asked, control, failureOf, Frame, progress, untilStep, type Run } from './frame.ts';
import { dependenciesOf, layersOf } from '../../domain/plan.ts';
import { toyPlan } from './toys.ts';

let frame: Frame;
before(async () => {
  frame = await Frame.open();
});
after(() => frame.close());

const layers = layersOf(toyPlan).map((layer) => layer.map(({ step }) => step));
const layerOf = (step: string): number => layers.findIndex((layer) => layer.includes(step));
const needs = (step: string, other: string): boolean => {
  const planned = toyPlan.find((one) => one.step === step);
  const direct = planned ? dependenciesOf(planned) : [];
  return direct.includes(other) || direct.some((one) => needs(one, other));
};
const createOf = (name: string): string =>
  `${toyPlan.find(({ step }) => step === name)?.kind}.create ${name}`;

/** Everything that was begun is undone once, no step before one that needs it. */
function assertUndoneInReverse({ cloud }: Run): void {
  const undone = cloud.steps('delete');
  assert.deepEqual(undone.toSorted(), [...new Set(cloud.steps('create'))].toSorted());
  const depths = undone.map(layerOf);
  assert.deepEqual(
    depths,
    depths.toSorted((a, b) => b - a),
  );
  const firstUndo = cloud.events.findIndex((event) => /^began \S+\.delete /.test(event));
  assert.ok(cloud.events.findLastIndex((event) => /\.create /.test(event)) < firstUndo, 'undone while doing');
}

for (const { step } of toyPlan) {
  for (const when of ['before', 'after'] as const) {
    test(`a step that fails ${when} its effect is rolled back: ${step}`, async () => {
      const call = createOf(step);
      const run = await frame.start('ToyZone', { onFailure: 'roll-back' }, (cloud) =>
        cloud.fail(call, { when, type: 'CloudRefused' }),
      );
      const failure = await failureOf(run);
      assert.equal(failure.type, 'CloudRefused');
      assert.equal(failure.message, `${call}: CloudRefused (everything was undone)`);
      assertUndoneInReverse(run);
      assert.equal(run.cloud.count(call), 1, 'a final refusal is not tried again');
      for (const begun of run.cloud.steps('create')) assert.ok(!needs(begun, step), `${begun} was begun`);
      assert.deepEqual([...run.cloud.things], []);
      assert.ok(run.cloud.count('sweep') >= 2);
      const [record, ...more] = run.cloud.records;
      assert.deepEqual(more, []);
      const { outcome, error, left } = record?.content ?? {};
      assert.deepEqual([outcome, error, left], ['rolled back', `${call}: CloudRefused`, []]);
      const states = new Map((await progress(run)).steps.map((view) => [view.step, view.state]));
      for (const begun of run.cloud.steps('create')) assert.equal(states.get(begun), 'undone');
    });
  }
}

test('after a failure nothing starts any more, also what does not need the failed step', async () => {
  const run = await frame.start('ToyZone', { onFailure: 'roll-back' }, (cloud) =>
    cloud.fail(createOf('role'), { type: 'CloudRefused' }),
  );
  const vpc = run.cloud.hold(createOf('vpc'));
  await vpc.began;
  await untilStep(run, 'role', 'failed');
  vpc.release();
  await failureOf(run);
  assert.deepEqual(run.cloud.steps('create').toSorted(), ['role', 'vpc']);
  assertUndoneInReverse(run);
});

test('of several failures the first one is what the operation ends with', async () => {
  const run = await frame.start('ToyZone', { onFailure: 'roll-back' }, (cloud) => {
    for (const step of ['vpc', 'role']) cloud.fail(createOf(step), { type: 'CloudRefused' });
  });
  const vpc = run.cloud.hold(createOf('vpc'));
  await untilStep(run, 'role', 'failed');
  vpc.release();
  assert.match((await failureOf(run)).message, /^role.create role: CloudRefused/);
});

test('an undo that fails for good is named, the others are undone all the same', async () => {
  const run = await frame.start('ToyZone', { onFailure: 'roll-back' }, (cloud) => {
    cloud.fail(createOf('machine'), { type: 'CloudRefused' });
    cloud.fail('subnet.delete subnet-a', { type: 'ForeignResource' });
    cloud.sticky = true;
  });
  const failure = await failureOf(run);
  assert.equal(failure.type, 'Leftover');
  assert.match(failure.message, /cannot undo "subnet-a"; still there: subnet subnet-a-\d/);
  assert.deepEqual((failure.details as [{ stuck: string[] }])[0].stuck, ['subnet-a']);
  assert.deepEqual(
    [...run.cloud.things.values()].map(({ step }) => step),
    ['subnet-a'],
  );
  const view = (await progress(run)).steps.find(({ step }) => step === 'subnet-a');
  assert.equal(view?.state, 'left');
  assert.equal(view?.error, 'subnet.delete subnet-a: ForeignResource');
});

test('what is shared with other operations survives a roll-back', async () => {
  const run = await frame.start('ToyZone', { shared: true, onFailure: 'roll-back' }, (cloud) =>
    cloud.fail(createOf('machine'), { type: 'CloudRefused' }),
  );
  assert.equal((await failureOf(run)).type, 'CloudRefused');
  assert.deepEqual(
    [...run.cloud.things.values()].map(({ step }) => step),
    ['name-servers'],
  );
});

test('what is foreign is left alone by the sweep, too', async () => {
  const run = await frame.start('ToyZone', { onFailure: 'roll-back' }, (cloud) => {
    cloud.late.push(['vpc-planted']);
    cloud.fail(createOf('vpc'), { type: 'ForeignResource', details: { ids: ['vpc-planted'] } });
  });
  assert.equal((await failureOf(run)).type, 'ForeignResource');
  assert.deepEqual([...run.cloud.things.keys()], ['vpc-planted']);
});

test('an undo is tried for hours while the cloud is unavailable', async () => {
  const run = await frame.start('ToyZone', { onFailure: 'roll-back' }, (cloud) => {
    cloud.fail(createOf('group'), { type: 'CloudRefused' });
    cloud.fail('vpc.delete vpc', { type: 'CloudUnavailable', retryable: true, times: 40 });
  });
  assert.equal((await failureOf(run)).type, 'CloudRefused');
  assert.equal(run.cloud.count('vpc.delete vpc'), 41);
  assert.deepEqual([...run.cloud.things], []);
});

test('what turns up late is removed and looked for again', async () => {
  const run = await frame.start('ToyZone', { onFailure: 'roll-back' }, (cloud) => {
    cloud.fail(createOf('vpc'), { type: 'CloudRefused' });
    cloud.late.push([], ['vpc-late']);
  });
  assert.equal((await failureOf(run)).type, 'CloudRefused');
  assert.equal(run.cloud.count('sweep'), 4);
  assert.deepEqual([...run.cloud.things], []);
});

test('nothing counts as gone before two looks in a row say so', async () => {
  const run = await frame.start('ToyZone', { onFailure: 'roll-back' }, (cloud) => {
    cloud.fail(createOf('vpc'), { type: 'CloudRefused' });
    cloud.late.push(['vpc-1'], ['vpc-2'], ['vpc-3'], []);
  });
  assert.equal((await failureOf(run)).type, 'CloudRefused');
  assert.equal(run.cloud.count('sweep'), 5);
});

test('what never goes away is named', async () => {
  const run = await frame.start('ToyZone', { onFailure: 'roll-back' }, (cloud) => {
    cloud.fail(createOf('vpc'), { type: 'CloudRefused' });
    cloud.late.push(['vpc-late']);
    cloud.sticky = true;
  });
  const failure = await failureOf(run);
  assert.equal(failure.type, 'Leftover');
  assert.match(failure.message, /still there: vpc vpc-late/);
  assert.deepEqual(run.cloud.records[0]?.content['left'], ['vpc vpc-late']);
});

test('a look for leftovers that fails is no proof that nothing is left', async () => {
  const run = await frame.start('ToyZone', { onFailure: 'roll-back' }, (cloud) => {
    cloud.fail(createOf('vpc'), { type: 'CloudRefused' });
    cloud.fail('sweep', { type: 'CloudRefused' });
  });
  const failure = await failureOf(run);
  assert.equal(failure.type, 'Leftover');
  assert.match(failure.message, /sweep: CloudRefused/);
  assert.equal(run.cloud.count('record.write'), 1);
});

test('a failure keeps its own type when its record cannot be written', async () => {
  const run = await frame.start('ToyZone', { onFailure: 'roll-back' }, (cloud) => {
    cloud.fail(createOf('vpc'), { type: 'ForeignResource' });
    cloud.fail('record.write', { type: 'CloudRefused' });
  });
  assert.equal((await failureOf(run)).type, 'ForeignResource');
  assert.deepEqual([...run.cloud.things], []);
});

test('undo begins when everything that runs has come to its end', async () => {
  const run = await frame.start('ToyTwins', { onFailure: 'roll-back' }, (cloud) =>
    cloud.fail('vpc.create vpc', { type: 'CloudRefused' }),
  );
  const role = run.cloud.hold('role.create role');
  await role.began;
  setTimeout(() => role.release(), 300);
  await failureOf(run);
  assertUndoneInReverse(run);
  assert.deepEqual([...run.cloud.things], []);
});

test('a machine that failed is removed before the next one is made', async () => {
  const run = await frame.start('ToyZone', {}, (cloud) =>
    cloud.fail('instance.ready machine', { type: 'MachineFailed' }),
  );
  const question = await asked(run);
  assert.deepEqual(run.cloud.calls.slice(-1), ['instance.delete machine']);
  await control(run, 'decide', { question: question.id, choice: 'retry' });
  await run.handle.result();
  const after = run.cloud.calls.slice(run.cloud.calls.indexOf('instance.delete machine'));
  assert.deepEqual(after.slice(1, 3), ['instance.create machine#2', 'instance.ready machine#2']);
  assert.deepEqual(
    [...run.cloud.things.values()]
      .filter(({ step }) => step === 'machine')
      .map(({ incarnation }) => incarnation),
    [2],
  );
});

test('what finds out that a machine failed leaves the decision to what made it', async () => {
  const run = await frame.start('ToyBake', {}, (cloud) =>
    cloud.fail('toy.look', { type: 'MachineFailed', times: 1 }),
  );
  const question = await asked(run);
  assert.equal(question.text, '"bake" failed: toy.look: MachineFailed');
  await control(run, 'decide', { question: question.id, choice: 'retry' });
  await run.handle.result();
  assert.deepEqual(run.cloud.steps('create'), ['scaffold', 'scaffold#2']);
  assert.deepEqual(run.cloud.steps('delete').toSorted(), ['scaffold', 'scaffold#2']);
  assert.deepEqual([...run.cloud.things], []);
});
