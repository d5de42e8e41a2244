/** Never two at work on one zone: thirty requests at once, while everything that admits them is taken away. */
import type { ApplicationFailure, WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { raiseFence } from '../../activities/cloud/fences.ts';
import { withAws } from '../../clients/aws.ts';
import type { Explanation } from '../../domain/explain.ts';
import { keeperId } from '../../domain/keeper/leases.ts';
import { KEEPER_TYPE } from '../../domain/keeper/messages.ts';
import { QUEUES } from '../../domain/operations.ts';
import { begin, booksOf, fencesOf, Stage, type Act } from './admission/storm.ts';
import { closeLaboratory, openLaboratory, type Laboratory } from './harness/laboratory.ts';

const PATIENCE_MS = 120_000;

suite('admission to a zone', () => {
  let lab: Laboratory;
  let stage: Stage;
  before(async () => {
    lab = await openLaboratory();
    stage = await Stage.open(2);
  });
  after(async () => {
    await stage.close();
    await closeLaboratory(lab);
  });

  const newZone = () => `toy${randomUUID().slice(0, 6)}`;
  const keeper = (zone: string) => lab.temporal.workflow.getHandle(keeperId(zone));
  /** A keeper that goes on as a new run every few answers. */
  const startKeeper = (zone: string, maxEvents: number) =>
    lab.temporal.workflow.start(KEEPER_TYPE, {
      taskQueue: QUEUES.workflows,
      workflowId: keeperId(zone),
      workflowTaskTimeout: '3 seconds',
      args: [{ zone, maxEvents }],
    });
  const explain = (handle: WorkflowHandle) => handle.query<Explanation>('explain');
  const waiting = (handle: WorkflowHandle) =>
    eventually(
      () => explain(handle),
      ({ waits }) => waits.length > 0,
    );
  const actsOf = (zone: string): Act[] =>
    stage.acts().filter(({ operation }) => operation.startsWith(`${zone}-`));

  /** By what acted and by what the store remembers. */
  async function assertOneAtATime(zone: string): Promise<void> {
    const numbers = actsOf(zone).map(({ number }) => number);
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      'two acted at the same time',
    );
    for (const { leases } of await booksOf(lab.context, zone))
      assert.ok(leases.length <= 1, `two leases are open: ${JSON.stringify(leases)}`);
    const fences = (await fencesOf(lab.context, zone)).map(({ number }) => number);
    assert.deepEqual(
      fences,
      [...new Set(fences)].toSorted((a, b) => a - b),
      'the fence did not only rise',
    );
  }

  test('who comes second waits, says for whom, and comes in when the first has ended', async () => {
    const zone = newZone();
    const first = await begin(lab, zone, 'first', { acts: 30, everyMs: 100 });
    await eventually(
      () => actsOf(zone),
      (acts) => acts.length > 0,
    );
    const second = await begin(lab, zone, 'second');
    const { headline, state, waits } = await waiting(second);
    assert.match(headline, new RegExp(`^waits for ${zone}: held by ${zone}-first since \\d\\d:\\d\\d UTC$`));
    assert.equal(state, 'waiting');
    assert.ok(waits[0]?.since);
    assert.deepEqual(await Promise.all([first.result(), second.result()]), [1, 2]);
    await assertOneAtATime(zone);
    const { events } = await first.fetchHistory();
    console.log(`an operation of one activity and one effect: ${events?.length ?? 0} events`);
  });

  test('who does not want to wait is refused, and told by whom', async () => {
    const zone = newZone();
    const first = await begin(lab, zone, 'first', { acts: 20, everyMs: 100 });
    await eventually(
      () => actsOf(zone),
      (acts) => acts.length > 0,
    );
    const { type, message } = await failureOf(await begin(lab, zone, 'second', { whenHeld: 'refuse' }));
    assert.equal(type, 'Conflict');
    assert.match(
      message,
      new RegExp(
        `^Cannot work on "${zone}": "${zone}-first" \\(NodeJoin\\) holds it since .*nothing was made`,
      ),
    );
    assert.equal(await first.result(), 1);
  });

  test('an abort while it waits takes it out of the line', async () => {
    const zone = newZone();
    const first = await begin(lab, zone, 'first', { acts: 30, everyMs: 100 });
    await eventually(
      () => actsOf(zone),
      (acts) => acts.length > 0,
    );
    const second = await begin(lab, zone, 'second');
    await waiting(second);
    const third = await begin(lab, zone, 'third');
    await waiting(third);
    await second.executeUpdate('abort', { args: [{ actor: 'bob', reason: 'changed my mind' }] });
    assert.equal((await failureOf(second)).type, 'Aborted');
    assert.deepEqual(await Promise.all([first.result(), third.result()]), [1, 2]);
    assert.deepEqual([...new Set(actsOf(zone).map(({ number }) => number))], [1, 2]);
  });

  test('children work under the lease of their parent, while others wait for all of them', async () => {
    const zone = newZone();
    const parent = await begin(lab, zone, 'parent', { type: 'ApplyServices', acts: 5, everyMs: 50 });
    await eventually(
      () => actsOf(zone),
      (acts) => acts.length > 0,
    );
    const other = await begin(lab, zone, 'other');
    assert.deepEqual(await parent.result(), [1, 1, 1]);
    assert.equal(await other.result(), 2);
    await assertOneAtATime(zone);
  });

  test('a holder that stood still while it was terminated is found, and acts no more when it goes on', async () => {
    const zone = newZone();
    const lost = await begin(lab, zone, 'lost', { acts: 400, everyMs: 100 });
    const [act] = await eventually(
      () => actsOf(zone),
      (acts) => acts.length > 0,
    );
    const worker = stage.workers.find(({ pid }) => pid === act?.pid);
    assert.ok(worker);
    worker.freeze();
    try {
      await lost.terminate('as a person may do it in the UI');
      const next = await begin(lab, zone, 'next', { acts: 30, everyMs: 100 });
      await eventually(
        () => actsOf(zone),
        (acts) => acts.some(({ number }) => number === 2),
      );
      worker.thaw();
      assert.equal(await next.result(), 2);
    } finally {
      worker.thaw();
    }
    await assertOneAtATime(zone);
  });

  test('an operation that lost its lease makes nothing more, undoes nothing, and says so', async () => {
    const zone = newZone();
    const first = await begin(lab, zone, 'first', { acts: 20, everyMs: 100 });
    await eventually(
      () => actsOf(zone),
      (acts) => acts.length > 0,
    );
    await raise(zone, 7);
    const { type, message } = await failureOf(first);
    assert.equal(type, 'Fenced');
    assert.match(message, new RegExp(`"${zone}-first\\.\\w+" has lost its lease on zone "${zone}"`));
    const next = await begin(lab, zone, 'next');
    assert.equal(await next.result(), 8);
  });

  test('thirty requests at once, while keeper and workers are taken away: never two at work', async () => {
    const zone = newZone();
    const { temporal } = lab;
    await startKeeper(zone, 60);
    const names = Array.from({ length: 30 }, (_, n) => `op${n}`);
    const handles = await Promise.all(names.map((name) => begin(lab, zone, name, { acts: 5, everyMs: 40 })));
    const over = new AbortController();
    const storm = disturb(zone, over.signal);
    const results = await Promise.allSettled(handles.map((handle) => handle.result() as Promise<number>));
    over.abort();
    const { kills, terminations } = await storm;
    const numbers = results.map((one) =>
      one.status === 'fulfilled' ? one.value : String(one.reason.cause ?? one.reason),
    );
    assert.deepEqual(new Set(numbers).size, 30, `each has a number of its own: ${numbers.join(', ')}`);
    await assertOneAtATime(zone);
    const runs: string[] = [];
    for await (const { status } of temporal.workflow.list({ query: `WorkflowId = '${keeperId(zone)}'` }))
      runs.push(status.name);
    console.log(`${kills} kills, ${terminations} terminations; runs of the keeper: ${runs.join(', ')}`);
    assert.ok(kills >= 2 && terminations >= 2);
    assert.ok(runs.includes('CONTINUED_AS_NEW') && runs.includes('TERMINATED'));
  });

  /**
   * Four times: one worker is killed, the keeper is terminated, and one worker stands still until it is given up, so
   * that what it was about to do comes late. The terminated keeper is started by whoever asks next, or at once.
   */
  async function disturb(zone: string, over: AbortSignal) {
    let [kills, terminations] = [0, 0];
    for (let round = 0; round < 4 && !over.aborted; round++) {
      const [first, second] = round % 2 === 0 ? stage.workers : stage.workers.toReversed();
      await first?.kill();
      await first?.start();
      kills += 1;
      if (over.aborted) break;
      await keeper(zone).terminate('disturbed');
      terminations += 1;
      if (round > 0) await startKeeper(zone, 60).catch(() => undefined);
      await sleep(1_000);
      second?.freeze();
      await sleep(6_000);
      second?.thaw();
    }
    return { kills, terminations };
  }

  /** Raises the fence as the adoption of a zone does it. */
  const raise = (zone: string, number: number): Promise<void> =>
    withAws(lab.context, ({ s3 }) =>
      raiseFence(
        s3,
        lab.context.store.bucket,
        { zone, epoch: 1, number, operation: 'a person' },
        new AbortController().signal,
      ),
    );
});

async function failureOf(handle: WorkflowHandle): Promise<{ type: string; message: string }> {
  const error = await handle.result().then(
    (result) => assert.fail(`expected a failure, got ${JSON.stringify(result)}`),
    (reason: unknown) => reason,
  );
  const cause = (error as WorkflowFailedError).cause as ApplicationFailure;
  return { type: cause.type ?? '', message: cause.message };
}

async function eventually<T>(look: () => T | Promise<T>, wanted: (seen: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(50)) {
    const seen = await look();
    if (wanted(seen)) return seen;
    if (Date.now() > deadline) assert.fail(`never as wanted, last: ${JSON.stringify(seen)}`);
  }
}
