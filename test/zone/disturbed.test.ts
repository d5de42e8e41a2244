/**
 * Operations on a zone that is there are disturbed: activities run twice, calls fail before and after their effects,
 * workers are killed, on the zone's border, too; or they are aborted. What is there afterwards, in AWS and inside the
 * zone, is what an undisturbed run leaves, and after an abort what was there before.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { up } from '../../sandbox/up.ts';
import { runAborted } from '../operations/harness/abort.ts';
import { faultsOf } from '../operations/harness/call-faults.ts';
import { drawPoints, isGate, killAt, sampled, seed } from '../operations/harness/kills.ts';
import { closeLaboratory, openLaboratory, type Laboratory } from '../operations/harness/laboratory.ts';
import type { Phase } from '../operations/harness/run.ts';
import { problems, runScenario, type Mode } from '../operations/harness/scenario.ts';
import { ZONE_ROWS, type ZoneRow } from '../operations/harness/zone-rows.ts';
import { zoneHosts } from '../operations/harness/zone-hosts.ts';
import { zoneIdentity } from '../operations/harness/zone-identity.ts';
import { sharedZone, ZONE } from './shared-zone.ts';

const KILLS = 6;

suite('operations on a zone, disturbed', () => {
  let lab: Laboratory;
  const references = new Map<string, Promise<readonly Phase[]>>();

  before(async () => {
    await sharedZone();
    lab = await openLaboratory();
  });
  after(async () => {
    await closeLaboratory(lab);
    // The workers of other tests, which the laboratory has ended.
    await up();
  });

  const run = ({ steps }: ZoneRow, mode: Mode = {}): Promise<readonly Phase[]> =>
    runScenario(lab, {
      ...mode,
      zone: ZONE,
      phases: steps.map(({ type, prepare }) => [
        async (_lab, name) => ({ type, ...(await prepare(lab, ZONE, name)) }),
      ]),
    });

  /** An undisturbed run of the row, once for all its modes. */
  async function referenceOf(row: ZoneRow): Promise<readonly Phase[]> {
    const known = references.get(row.name) ?? run(row);
    references.set(row.name, known);
    const reference = await known;
    assert.deepEqual(problems(reference, reference), []);
    return reference;
  }

  const MODES = {
    'activities run twice, calls fail': async (row, reference) => {
      const phases = await run(row, {
        variant: 'twice',
        faults: (n) => faultsOf(reference[n]?.calls ?? [], 'dropped'),
      });
      assert.deepEqual(problems(reference, phases), []);
      const hosts = await zoneHosts(lab.temporal, workflowsOf(phases));
      assert.deepEqual(hosts, [zoneIdentity('twice')]);
    },
    'workers are killed': async (row, reference, say) => {
      const phases = await run(row, {
        disturb: (n, workers) => {
          const points = reference[n]?.ended.map(({ type, events }) =>
            drawPoints(type, KILLS, 3, Math.floor(events * 0.9)),
          );
          const { disturb, killed } = killAt(lab.temporal, workers, points ?? []);
          return async (...given) => {
            await disturb(...given);
            say(
              `killed after events ${killed()
                .map(({ event }) => event)
                .join(', ')}`,
            );
          };
        },
      });
      assert.deepEqual(problems(reference, phases), []);
    },
    'aborted, then run': async (row, reference, say) => {
      const events = reference.map(
        ({ ended: [one] }) => drawPoints(`abort ${one?.type}`, 1, 4, (one?.events ?? 8) / 2)[0] ?? 4,
      );
      const all = await runAborted(lab, ZONE, row, events, 'twice');
      for (const { type, event, outcome } of all) say(`${type}: ${outcome}, after event ${event}`);
      assert.deepEqual(
        all.map(({ outcome, problems: found }) => ({ outcome, found })),
        row.steps.map(() => ({ outcome: 'aborted', found: [] })),
      );
    },
  } as const satisfies Record<
    string,
    (row: ZoneRow, reference: readonly Phase[], say: (text: string) => void) => Promise<void>
  >;

  for (const row of ZONE_ROWS) {
    for (const [name, body] of Object.entries(MODES)) {
      const skip = isGate || sampled(row.name, Object.keys(MODES)) === name ? false : 'only in gate';
      test(`${row.name}; ${name}`, { skip }, async (t) => {
        t.diagnostic(`seed ${seed}`);
        await body(row, await referenceOf(row), (text) => t.diagnostic(text));
      });
    }
  }
});

const workflowsOf = (phases: readonly Phase[]): string[] =>
  phases.flatMap(({ ended }) => ended.map(({ workflowId }) => workflowId));
