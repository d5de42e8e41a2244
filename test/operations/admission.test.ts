/** Never two at work on one zone: thirty requests at once, while everything that admits them is taken away. */
import type { WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Explanation } from '../../domain/explain.ts';
import { keeperId } from '../../domain/keeper/leases.ts';
import { KEEPER_TYPE } from '../../domain/keeper/messages.ts';
import { QUEUES } from '../../domain/operations.ts';
import { begin, booksOf, fencesOf, Stage, type Act } from './admission/storm.ts';
import { closeLaboratory, openLaboratory, type Laboratory } from './harness/laboratory.ts';

const PATIENCE_MS = 60_000;

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
  // eslint-later
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
  });
});

async function eventually<T>(look: () => T | Promise<T>, wanted: (seen: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(50)) {
    const seen = await look();
    if (wanted(seen)) return seen;
    if (Date.now() > deadline) assert.fail(`never as wanted, last: ${JSON.stringify(seen)}`);
  }
}
