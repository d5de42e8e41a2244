import { WorkflowFailedError } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  asked,
  askedFor,
  control,
  eventually,
  explain,
  explained,
  failureOf,
  Frame,
  progress,
  refusal,
  untilStep,
  type Run,
} from './frame.ts';
import { toyPlan } from './toys.ts';

const HOUR = 3_600_000;
let frame: Frame;
before(async () => {
  frame = await Frame.openReal();
});
after(() => frame.close());

async function assertAborted(run: Run): Promise<void> {
  const failure = await failureOf(run);
  assert.deepEqual([failure.type, failure.message], ['Aborted', 'Aborted; everything was undone']);
  assert.deepEqual([...run.cloud.things], []);
  assert.deepEqual(run.cloud.steps('delete').toSorted(), [...new Set(await askedFor(run))].toSorted());
  assert.ok(run.cloud.count('sweep') >= 2);
  assert.deepEqual(
    run.cloud.records.map(({ content }) => content['outcome']),
    ['aborted'],
  );
}

const ENDINGS = {
  abort: async (run: Run) => void (await control(run, 'abort')),
  'cancel from outside': async (run: Run) => void (await run.handle.cancel()),
} as const;

// Each waits a second for its second sweep, so several run at the same time.
describe('controls', { concurrency: 6 }, () => {
  for (const { step, kind } of toyPlan) {
    const create = `${kind}.create ${step}`;
    test(`abort during ${step}: its undo begins only after it has closed`, async () => {
      const run = await frame.start('ToyZone');
      const held = run.cloud.hold(create);
      await held.began;
      assert.match(await control(run, 'abort'), /^aborting/);
      const begun = await askedFor(run);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.deepEqual(run.cloud.steps('delete'), [], 'undone while its do was at work');
      held.release();
      await assertAborted(run);
      assert.deepEqual(await askedFor(run), begun, 'something was begun after the abort');
      const at = (event: string) => run.cloud.events.indexOf(event);
      assert.ok(at(`ended ${create}`) < at(`began ${kind}.delete ${step}`));
    });
  }

  for (const [name, end] of Object.entries(ENDINGS)) {
    test(`${name} reaches a step that heeds it`, async () => {
      const run = await frame.start('ToyZone');
      const held = run.cloud.hold('instance.create machine', { heedsCancel: true });
      await held.began;
      await end(run);
      await assertAborted(run);
    });

    test(`${name} while it waits`, async () => {
      const run = await frame.start(
        'ToyZone',
        { wait: { giveUpMs: 100 * HOUR, progressMs: HOUR } },
        (cloud) => cloud.fail('toy.settled', { type: 'NotYet', retryable: true, nextDelayMs: HOUR }),
      );
      await explained(run, (seen) => seen.waits.length > 0);
      await eventually(
        () => run.cloud.count('toy.settled'),
        (count) => count === 1,
      );
      await end(run);
      await assertAborted(run);
      assert.equal(run.cloud.count('toy.settled'), 1);
    });

    test(`${name} while a question is open`, async () => {
      const run = await frame.start('ToyZone', {}, (cloud) =>
        cloud.fail('security-group.create group', { type: 'CloudRefused' }),
      );
      await asked(run);
      await end(run);
      await assertAborted(run);
      assert.equal((await explain(run)).question, undefined);
    });

    test(`${name} while it is paused`, async () => {
      const run = await frame.start('ToyZone');
      const vpc = run.cloud.hold('vpc.create vpc');
      await vpc.began;
      await control(run, 'pause');
      vpc.release();
      await untilStep(run, 'vpc', 'done');
      await end(run);
      await assertAborted(run);
      assert.deepEqual(run.cloud.steps('create').toSorted(), ['role', 'vpc']);
    });

    test(`${name} together with the last answer counts`, async () => {
      const run = await frame.start('ToyZone', { look: true });
      const look = run.cloud.hold('toy.look');
      await look.began;
      await end(run);
      look.release();
      await assertAborted(run);
    });
  }

  test('while it is aborted it takes nothing more, and says so', async () => {
    const run = await frame.start('ToyZone');
    const vpc = run.cloud.hold('vpc.create vpc');
    await vpc.began;
    await control(run, 'abort');
    assert.equal(await refusal(control(run, 'abort')), 'Cannot abort: it is being aborted already');
    assert.match(await refusal(control(run, 'pause')), /while it undoes/);
    const { state, headline, youCan, decisions } = await explain(run);
    assert.deepEqual([state, headline, youCan], ['undoing', 'aborted: undoing what was done', []]);
    assert.deepEqual(
      [decisions[0]?.choice, decisions[0]?.actor, decisions[0]?.reason],
      ['abort', 'bob', 'because'],
    );
    vpc.release();
    await assertAborted(run);
  });

  test('refuses an abort once success is certain', async () => {
    const run = await frame.start('ToyZone', { scaffold: true });
    const scaffold = run.cloud.hold('vpc.delete scaffold');
    await scaffold.began;
    assert.equal((await explain(run)).headline, 'removing what is temporary');
    assert.match(await refusal(control(run, 'abort')), /Cannot change an operation/);
    await run.handle.cancel();
    scaffold.release();
    await run.handle.result();
    assert.equal(run.cloud.things.size, toyPlan.length);
    assert.equal(run.cloud.records[0]?.content['outcome'], 'done');
  });

  test('a second cancel from outside does not stop the undo', async () => {
    const run = await frame.start('ToyZone');
    const machine = run.cloud.hold('instance.create machine');
    const undo = run.cloud.hold('subnet.delete subnet-b');
    await machine.began;
    await run.handle.cancel();
    machine.release();
    await undo.began;
    await run.handle.cancel().catch((error: unknown) => assert.ok(!(error instanceof WorkflowFailedError)));
    undo.release();
    await assertAborted(run);
  });

  test('pause lets what runs end and starts nothing; resume goes on', async () => {
    const run = await frame.start('ToyZone');
    const vpc = run.cloud.hold('vpc.create vpc');
    await vpc.began;
    assert.equal(await control(run, 'pause'), 'paused before its next step');
    const { state, headline, paused, youCan } = await explain(run);
    assert.deepEqual([state, headline, paused?.reason], ['waiting', 'paused by bob', 'because']);
    assert.deepEqual(youCan, ['resume', 'abort']);
    vpc.release();
    await untilStep(run, 'vpc', 'done');
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.deepEqual(run.cloud.steps('create').toSorted(), ['role', 'vpc']);
    assert.match(await refusal(control(run, 'pause')), /paused already by bob/);
    assert.equal(await control(run, 'resume'), 'resumed');
    await run.handle.result();
    assert.ok((await progress(run)).steps.every((view) => view.state === 'done'));
  });

  test('a roll-back that is decided while paused is carried out, though steps wait for the resume', async () => {
    const run = await frame.start('ToyZone', {}, (cloud) =>
      cloud.fail('role.create role', { type: 'CloudRefused' }),
    );
    const vpc = run.cloud.hold('vpc.create vpc');
    const { id } = await asked(run);
    await control(run, 'pause');
    vpc.release();
    await untilStep(run, 'vpc', 'done');
    await control(run, 'decide', { question: id, choice: 'roll-back' });
    assert.equal((await failureOf(run)).type, 'CloudRefused');
    assert.deepEqual(run.cloud.steps('create').toSorted(), ['role', 'vpc']);
    assert.deepEqual([...run.cloud.things], []);
  });

  test('controls without an actor, without a cause to resume, or after the end are refused', async () => {
    const run = await frame.start('ToyZone');
    const vpc = run.cloud.hold('vpc.create vpc');
    await vpc.began;
    assert.equal(await refusal(control(run, 'resume')), 'Cannot resume: it is not paused');
    for (const name of ['pause', 'resume', 'abort']) {
      assert.match(await refusal(control(run, name, { actor: '' })), /expected {actor, reason}/);
      assert.match(await refusal(control(run, name, { force: true })), /expected {actor, reason}/);
    }
    const record = run.cloud.hold('record.write');
    vpc.release();
    await record.began;
    for (const name of ['pause', 'resume', 'abort']) {
      assert.match(await refusal(control(run, name)), /has ended \(done\)/);
    }
    record.release();
    await run.handle.result();
  });
});
