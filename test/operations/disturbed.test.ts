/**
 * Every operation is run while activities run twice, calls fail before and after their effects, and its workers are
 * killed, also that of the zone on its border. Each time it succeeds, and what is there afterwards is what an
 * undisturbed run leaves: nothing twice, no orphan.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { ZONE_KINDS, type Kind } from '../../domain/resources/index.ts';
import { faultsOf, LOST, type Lost } from './harness/call-faults.ts';
import { drawnPoints, kills } from './harness/killed-runs.ts';
import { isGate } from './harness/kills.ts';
import { closeLaboratory, openLaboratory, type Laboratory } from './harness/laboratory.ts';
import type { Ended, Phase } from './harness/run.ts';
import { restore } from './harness/restore.ts';
import { creationsOf, undo } from './harness/undo-on-nothing.ts';
import { SCENARIO_TYPES } from './harness/scenarios.ts';
import { problems, runScenario, withWorker, type Mode } from './harness/scenario.ts';
import { zoneImage } from './harness/recipes.ts';
import { zoneHosts } from './harness/zone-hosts.ts';
import { zoneIdentity } from './harness/zone-identity.ts';

/** In `gate` each event is killed after in one of so many runs. */
const ROUNDS = 8;

suite('operations that are disturbed', () => {
  let lab: Laboratory;
  let reference: readonly Phase[] = [];

  before(async () => {
    lab = await openLaboratory();
    await withWorker('plain', () => zoneImage(lab));
    reference = await runScenario(lab);
  });
  after(() => closeLaboratory(lab));

  const callsOf = (phase: number) => reference[phase]?.calls ?? [];
  const comesToTheSame = async (mode: Mode) => {
    const phases = await runScenario(lab, mode);
    assert.deepEqual(problems(reference, phases), []);
    return phases;
  };

  test('nothing disturbs them: they succeed', () => {
    assert.deepEqual(problems(reference, reference), []);
    const types = reference.flatMap(({ ended }) => ended.map(({ type }) => type));
    assert.deepEqual(types, SCENARIO_TYPES);
    assert.ok(
      reference[0]?.endState.some((line) => line.includes('"kind":"vpc"')),
      'a zone was made',
    );
    assert.ok(!reference.at(-1)?.endState.some((line) => line.includes('"kind":"vpc"')), 'and is gone');
  });

  const whole = { skip: isGate ? false : 'only in gate' };
  const losses = Object.keys(LOST) as Lost[];

  const struckIn = (phases: readonly Phase[]): number[] => {
    const struck = phases.flatMap(({ calls }) => calls.flatMap(({ fault }) => fault ?? []));
    const before_ = struck.filter((fault) => fault === 'timeout-before').length;
    return [before_, struck.length - before_];
  };

  test('all at once: activities run twice, calls fail before and after their effect, workers are killed', async (t) => {
    const phases = await kill(t, drawnPoints, {
      variant: 'twice',
      faults: (n) => faultsOf(callsOf(n), 'dropped'),
    });
    const struck = struckIn(phases);
    assert.ok(
      struck.every((count) => count > 30),
      `${struck.join(' and ')} calls were struck`,
    );
    const workflows = phases.flatMap(({ ended }) => ended.map(({ workflowId }) => workflowId));
    assert.deepEqual(await zoneHosts(lab.temporal, workflows), [zoneIdentity('twice')]);
  });

  test('each activity runs twice', whole, async () => {
    await comesToTheSame({ variant: 'twice' });
  });
  for (const lost of losses) {
    for (const shift of [0, 1, 2]) {
      test(`calls fail: ${lost}, the first after ${shift}`, whole, async () => {
        await comesToTheSame({ faults: (n) => faultsOf(callsOf(n), lost, shift) });
      });
    }
  }
  for (let round = 0; round < ROUNDS; round++) {
    test(
      `the workers are killed after each event: every ${ROUNDS}th from ${round + 1} on`,
      whole,
      async (t) => {
        await kill(t, ({ events }) => {
          const length = Math.ceil((events - round) / ROUNDS);
          return Array.from({ length }, (_, n) => round + 1 + n * ROUNDS);
        });
      },
    );
  }

  test('each undo succeeds on nothing, and touches nothing', async () => {
    await withWorker('plain', () => restore(lab));
    const workflows = reference.flatMap(({ ended }) => ended.map(({ workflowId }) => workflowId));
    const creations = (await Promise.all(workflows.map((id) => creationsOf(lab.temporal, id)))).flat();
    const undone = creations.filter(({ kind }) => !(ZONE_KINDS as readonly Kind[]).includes(kind));
    const before_ = await lab.front.inventory();
    await undo(lab, undone);
    assert.deepEqual(await lab.front.inventory(), before_);
    const tried = new Set(creations.map(({ kind }) => kind));
    // Other kinds are made on a zone that is there, where each undo runs twice, the second time on nothing.
    assert.ok(tried.size > 20, `only these kinds were tried: ${[...tried].join(', ')}`);
  });

  async function kill(
    t: { diagnostic(text: string): void },
    pointsOf: (ended: Ended) => readonly number[],
    mode: Mode = {},
  ): Promise<readonly Phase[]> {
    const { disturb, report } = kills(lab.temporal, reference, pointsOf);
    const phases = await runScenario(lab, { ...mode, disturb });
    const { said, tooFew } = report(phases);
    for (const line of said) t.diagnostic(line);
    assert.deepEqual([...problems(reference, phases), ...tooFew], []);
    return phases;
  }
});
