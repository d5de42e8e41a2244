import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Explanation } from '../../domain/explain.ts';
import { SEARCH_ATTRIBUTES } from '../../domain/operations.ts';
import { asked, control, explain, explained, failureOf, Frame, progress, tookMs } from './frame.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
let frame: Frame;
before(async () => {
  frame = await Frame.open();
});
after(() => frame.close());

const notYet = (nextDelayMs: number, times?: number) => ({
  type: 'NotYet',
  retryable: true,
  nextDelayMs,
  ...(times === undefined ? {} : { times }),
});

test('what the cloud could not answer is tried again, with growing pauses', async () => {
  const run = await frame.start('ToyZone', {}, (cloud) =>
    cloud.fail('vpc.create vpc', { type: 'CloudUnavailable', retryable: true, times: 4 }),
  );
  await run.handle.result();
  const times = run.cloud.times.filter((_, at) => run.cloud.calls[at] === 'vpc.create vpc');
  const pauses = times.slice(1).map((time, at) => time - (times[at] ?? 0));
  assert.equal(pauses.length, 4);
  for (const [at, pause] of pauses.entries()) {
    const expected = 500 * 2 ** at;
    assert.ok(pause >= expected && pause < expected + 5_000, `pause ${at + 1} took ${pause} ms`);
  }
});

test('a cloud that stays unavailable ends in a question after ten minutes', async () => {
  const run = await frame.start('ToyZone', { onFailure: 'roll-back' }, (cloud) =>
    cloud.fail('vpc.create vpc', { type: 'CloudUnavailable', retryable: true }),
  );
  const failure = await failureOf(run);
  assert.equal(failure.type, 'CloudUnavailable');
  const { length } = run.cloud.calls.filter((call) => call === 'vpc.create vpc');
  assert.ok(length > 25 && length < 45, `${length} attempts`);
  assert.deepEqual([...run.cloud.things], []);
});

test('waits 30 days, looking again when it was told to', async () => {
  const run = await frame.start('ToyZone', { wait: { giveUpMs: 40 * DAY } }, (cloud) =>
    cloud.fail('toy.settled', notYet(DAY, 30)),
  );
  await run.handle.result();
  assert.equal(run.cloud.count('toy.settled'), 31);
  const passed = tookMs(run);
  assert.ok(passed >= 30 * DAY && passed < 31 * DAY, `${passed / DAY} days`);
  const { events } = await run.handle.fetchHistory();
  assert.ok((events?.length ?? 0) < 100, `${events?.length} events`);
});

/** Waits before it, such as that for a machine to be ready, are over soon. */
const isSettling = ({ waits }: Explanation): boolean =>
  waits.length === 1 && waits[0]?.what === 'the toy to settle';

test('says what it waits for, since when, until when and what then', async () => {
  const run = await frame.start('ToyZone', { wait: { giveUpMs: HOUR } }, (cloud) =>
    cloud.fail('toy.settled', notYet(60_000)),
  );
  const { state, headline, waits } = await explained(run, isSettling);
  assert.deepEqual([state, headline], ['waiting', 'waits for the toy to settle']);
  const [wait] = waits;
  assert.equal(wait?.what, 'the toy to settle');
  assert.equal(Date.parse(wait?.until ?? '') - Date.parse(wait?.since ?? ''), HOUR);
  assert.match(wait?.then ?? '', /decides|default/);
  run.cloud.heal('toy.settled');
  await run.handle.result();
  assert.deepEqual((await explain(run)).waits, []);
});

test('a wait without progress is blocked, and at work again once it has ended', async () => {
  const wait = { giveUpMs: 10 * HOUR, progressMs: HOUR };
  const run = await frame.start('ToyZone', { wait, look: true }, (cloud) =>
    cloud.fail('toy.settled', notYet(60_000)),
  );
  await explained(run, isSettling);
  await frame.env.sleep(2 * HOUR);
  const { state, question } = await explained(run, (seen) => seen.state !== 'waiting');
  assert.deepEqual([state, question], ['blocked', undefined]);
  run.cloud.heal('toy.settled');
  const look = run.cloud.hold('toy.look');
  const slept = frame.env.sleep(HOUR); // stands still while the look is held
  await look.began;
  assert.deepEqual((await explain(run)).headline, 'at work');
  const { memo, searchAttributes } = await run.handle.describe();
  assert.equal((memo?.['explain'] as Explanation | undefined)?.state, 'running');
  assert.deepEqual(searchAttributes[SEARCH_ATTRIBUTES.state], ['running']);
  look.release();
  await slept;
  await run.handle.result();
});

test('a wait that is given up asks, and a retry waits anew', async () => {
  const run = await frame.start('ToyZone', { wait: { giveUpMs: HOUR } }, (cloud) =>
    cloud.fail('toy.settled', notYet(60_000)),
  );
  await explained(run, isSettling);
  await frame.env.sleep(2 * HOUR);
  const question = await asked(run);
  assert.match(question.text, /^"the toy to settle" failed: toy.settled: NotYet/);
  run.cloud.heal('toy.settled');
  await control(run, 'decide', { question: question.id, choice: 'retry' });
  await run.handle.result();
  const view = (await progress(run)).steps.find(({ step }) => step === 'the toy to settle');
  assert.equal(view?.state, 'done');
});

test('a wait that is given up for good is a gate that said no', async () => {
  const run = await frame.start('ToyZone', { wait: { giveUpMs: HOUR }, onFailure: 'roll-back' }, (cloud) =>
    cloud.fail('toy.settled', notYet(60_000)),
  );
  const failure = await failureOf(run);
  assert.equal(failure.type, 'GateFailed');
  assert.deepEqual([...run.cloud.things], []);
});

test('a look-up that fails asks as a step does', async () => {
  const run = await frame.start('ToyZone', { look: true }, (cloud) =>
    cloud.fail('toy.look', { type: 'GateFailed' }),
  );
  const question = await asked(run);
  assert.match(question.text, /^"looking at the toy" failed/);
  run.cloud.heal('toy.look');
  await control(run, 'decide', { question: question.id, choice: 'retry' });
  await run.handle.result();
});

test('a step of a zone cannot be placed without a zone', async () => {
  const run = await frame.start('ToyAdmission', { onFailure: 'keep' });
  const failure = await failureOf(run);
  assert.deepEqual([failure.type, failure.message.includes('it needs a zone')], ['InvalidInput', true]);
});
