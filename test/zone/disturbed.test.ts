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
import { differences } from '../operations/harness/end-state.ts';
import { kills } from '../operations/harness/killed-runs.ts';
import { drawPoints, isGate, sampled, seed } from '../operations/harness/kills.ts';
import { closeLaboratory, openLaboratory, type Laboratory } from '../operations/harness/laboratory.ts';
import type { Phase } from '../operations/harness/run.ts';
import { problems, runScenario, type Mode } from '../operations/harness/scenario.ts';
import { applyService, SERVICE } from '../operations/harness/service-steps.ts';
import { ZONE_ROWS, type ZoneRow } from '../operations/harness/zone-rows.ts';
import { zoneHosts } from '../operations/harness/zone-hosts.ts';
import { zoneIdentity } from '../operations/harness/zone-identity.ts';
import { zoneState } from '../operations/harness/zone-state.ts';
import { kubectl, machinesOf } from '../system/machines.ts';
import { sharedZone, ZONE } from './shared-zone.ts';

/** Outside of the gate two rows are run, each in one of these. */
const SAMPLED = ['all at once', 'aborted, then run'];
const rows = ZONE_ROWS.filter(({ onlyInGate }) => onlyInGate !== true).map(({ name }) => name);
const leftOut = sampled('left out', rows);

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

  async function killed(
    row: ZoneRow,
    reference: readonly Phase[],
    say: (text: string) => void,
    mode: Mode,
  ): Promise<readonly Phase[]> {
    const { disturb, report } = kills(lab.temporal, reference);
    const phases = await run(row, { ...mode, disturb });
    const { said, tooFew } = report(phases);
    for (const line of said) say(line);
    assert.deepEqual([...problems(reference, phases), ...tooFew], []);
    return phases;
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
    'workers are killed': (row, reference, say) => killed(row, reference, say, {}),
    'all at once': async (row, reference, say) => {
      const faults = (n: number) => faultsOf(reference[n]?.calls ?? [], 'dropped');
      const phases = await killed(row, reference, say, { variant: 'twice', faults });
      assert.deepEqual(await zoneHosts(lab.temporal, workflowsOf(phases)), [zoneIdentity('twice')]);
    },
    'aborted, then run': async (row, reference, say) => {
      const events = reference.map(
        ({ ended: [one] }, n) =>
          drawPoints(`abort ${one?.type}`, 1, 4, row.steps[n]?.abortBy ?? (one?.events ?? 8) / 2)[0] ?? 4,
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
    (row: ZoneRow, reference: readonly Phase[], say: (text: string) => void) => Promise<unknown>
  >;

  for (const row of ZONE_ROWS) {
    for (const [name, body] of Object.entries(MODES)) {
      const drawn = rows.includes(row.name) && row.name !== leftOut && sampled(row.name, SAMPLED) === name;
      const skip = isGate || drawn ? false : 'only in gate';
      test(`${row.name}; ${name}`, { skip }, async (t) => {
        t.diagnostic(`seed ${seed}`);
        await body(row, await referenceOf(row), (text) => t.diagnostic(text));
      });
    }
  }

  test('a planted disruption budget is neither taken over nor deleted, and nothing else stays', async () => {
    const border = (await machinesOf(ZONE)).get('border-0');
    assert.ok(border);
    const budget = ['poddisruptionbudget', SERVICE];
    await kubectl(border, 'create', ...budget, '--selector=app=foreign', '--min-available=1');
    try {
      const before_ = await zoneState(lab, ZONE);
      const phases = await run({ name: 'planted', steps: [applyService] }, { variant: 'twice' });
      const [ended] = phases[0]?.ended ?? [];
      assert.match(ended?.failure ?? 'it succeeded', /made by somebody else[^]*everything was undone/);
      assert.equal(ended?.record?.outcome, 'rolled back');
      assert.deepEqual(differences(before_, await zoneState(lab, ZONE)), []);
    } finally {
      await kubectl(border, 'delete', ...budget);
    }
  });
});

const workflowsOf = (phases: readonly Phase[]): string[] =>
  phases.flatMap(({ ended }) => ended.map(({ workflowId }) => workflowId));
