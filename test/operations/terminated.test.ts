/**
 * Operations that were terminated: nothing of theirs runs any more, no undo and no record. What they began is in the
 * manifest all the same, so that destroying the zone leaves nothing.
 */
import type { WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MAY_STAY } from './harness/end-state.ts';
import { drawPoints, seed } from './harness/kills.ts';
import { closeLaboratory, openLaboratory, type Laboratory } from './harness/laboratory.ts';
import { zoneImage } from './harness/recipes.ts';
import { restore } from './harness/restore.ts';
import { runPhase, type Phase } from './harness/run.ts';
import { nextRun, withWorker } from './harness/scenario.ts';
import { createOtherZone, createZone, destruction } from './harness/scenarios.ts';

/** Longer than it takes to terminate the operation, shorter than a request may take. */
const LATE_MS = 1_500;
const [inGround = 0] = drawPoints('termination of a zone', 1, 40, 330);

suite('zones whose creation was terminated', () => {
  let lab: Laboratory;
  let created: Phase;
  let destroyed: Phase;

  before(async () => {
    lab = await openLaboratory();
    await withWorker('plain', async () => {
      await restore(lab);
      await zoneImage(lab);
      const run = nextRun();
      const starts = [await createZone(lab, run), await createOtherZone(lab, `${run}-other`)];
      const ground = await lab.front.inventory();
      const machine = String(starts[0]?.own[0]);
      await lab.front.fault([
        {
          match: {
            service: 'ec2',
            action: 'RunInstances',
            params: { 'TagSpecification.1.Tag.1.Value': `${machine}*` },
            times: 1,
          },
          effect: { kind: 'delay-effect', ms: LATE_MS },
        },
      ]);
      created = await runPhase(lab, starts, ground, async ([first, second]) => {
        await Promise.all([terminateAtLaunch(first), terminateAfter(second, inGround)]);
      });
      const zones = starts.map(({ input }) => String(input['zone']));
      const ends = await Promise.all(zones.map((zone, n) => destruction(lab, zone, `${run}-${n}`)));
      destroyed = await runPhase(lab, ends, ground);
    });
  });
  after(() => closeLaboratory(lab));

  /** Its machine is asked for, and comes to be when nobody waits for it any more. */
  async function terminateAtLaunch(handle: WorkflowHandle | undefined): Promise<void> {
    while (!(await lab.front.struck('RunInstances'))) await sleep(50);
    await handle?.terminate('by the harness, as its machines are launched');
  }

  async function terminateAfter(handle: WorkflowHandle | undefined, events: number): Promise<void> {
    while (((await handle?.describe())?.historyLength ?? 0) < events) await sleep(50);
    await handle?.terminate(`by the harness, after event ${events}`);
  }

  test('they ended without a word', (t) => {
    t.diagnostic(`seed ${seed}`);
    for (const { failure, record } of created.ended) {
      assert.match(failure ?? 'it succeeded', /by the harness/);
      assert.equal(record, undefined);
    }
  });

  test('a machine came to be after the termination', () => {
    const late = created.calls.concat(destroyed.calls).filter(({ fault }) => fault === 'delay-effect');
    assert.deepEqual(
      late.map(({ action }) => action),
      ['RunInstances'],
    );
  });

  test('their zones are destroyed from their manifests, and nothing is left', () => {
    assert.deepEqual(
      destroyed.ended.map(({ failure }) => failure),
      [undefined, undefined],
    );
    assert.deepEqual(
      destroyed.endState.filter((line) => !MAY_STAY.test(line)),
      [],
    );
  });
});
