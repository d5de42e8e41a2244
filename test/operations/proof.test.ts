/** The harness itself: what is broken on purpose makes it go red. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { differences, endState } from './harness/end-state.ts';
import { closeLaboratory, openLaboratory, type Laboratory } from './harness/laboratory.ts';
import { smallBake } from './harness/recipes.ts';
import { restore } from './harness/restore.ts';
import type { Phase } from './harness/run.ts';
import { problems, runScenario, withWorker } from './harness/scenario.ts';

suite('the harness goes red', () => {
  let lab: Laboratory;
  let reference: readonly Phase[];
  const phases = [[smallBake]];

  before(async () => {
    lab = await openLaboratory();
    reference = await runScenario(lab, { phases });
    assert.deepEqual(problems(reference, reference), []);
  });
  after(async () => {
    await withWorker('plain', () => restore(lab));
    await closeLaboratory(lab);
  });

  test('when an activity that runs twice makes two things', async () => {
    const broken = await runScenario(lab, { phases, variant: 'blind-twice' });
    assert.match(problems(reference, broken).join('\n'), /BakeAmi failed: "vpc.create" is not idempotent/);
  });

  test('when an answer is lost and what it made is not found again, and nobody else notices', async () => {
    const broken = await runScenario(lab, {
      phases,
      variant: 'blind',
      faults: () => [
        {
          match: { service: 'ec2', action: 'CreateVpc', times: 1 },
          effect: { kind: 'timeout-after', holdMs: 300 },
        },
      ],
    });
    const orphans = problems(reference, broken).filter((line) => line.startsWith('too much'));
    assert.equal(orphans.filter((line) => line.includes('"kind":"vpc"')).length, 2, orphans.join('\n'));
    assert.equal(broken[0]?.ended[0]?.failure, undefined, 'the operation itself saw nothing');
  });

  test('when there is one more, one less, or one in another place', () => {
    const vpc = (id: string) => ({
      kind: 'vpc',
      id: `vpc-${id.repeat(17)}`,
      tags: { 'zonewright:step': id },
    });
    const subnet = (id: string, of: string) => ({
      ...{ kind: 'subnet', id: `subnet-${id.repeat(17)}`, tags: {} },
      parent: `vpc-${of.repeat(17)}`,
    });
    const expected = endState([], [vpc('a'), vpc('b'), subnet('a', 'a')]);
    const compare = (...items: Parameters<typeof endState>[1][number][]) =>
      differences(expected, endState([], items)).map((line) => line.split(':')[0]);
    assert.deepEqual(compare(vpc('a'), vpc('b'), subnet('c', 'a')), [], 'ids do not count');
    assert.deepEqual(compare(vpc('a'), vpc('a'), vpc('b'), subnet('a', 'a')), ['too much']);
    assert.deepEqual(compare(vpc('a'), vpc('b')), ['missing']);
    assert.deepEqual(compare(vpc('a'), vpc('b'), subnet('a', 'b')), ['too much', 'missing']);
    assert.deepEqual(endState([vpc('a')], []).length, 1, 'what vanished is seen');
  });
});
