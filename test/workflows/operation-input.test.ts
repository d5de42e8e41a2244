import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { failureOf, Frame } from './frame.ts';

let frame: Frame;
before(async () => {
  frame = await Frame.open();
});
after(() => frame.close());

const good = { actor: 'alice', environment: 'test' };
const BAD: ReadonlyArray<readonly [what: string, input: unknown, path: string]> = [
  ['nothing', undefined, '(whole)'],
  ['no object', 'zone.yaml', '(whole)'],
  ['no actor', { environment: 'test' }, 'actor'],
  ['an empty environment', { ...good, environment: '' }, 'environment'],
  ['a deadline in the past', { ...good, questionDeadlineMs: -1 }, 'questionDeadlineMs'],
  ['an unknown decision', { ...good, onFailure: 'ignore' }, 'onFailure'],
  ['a wait without its deadline', { ...good, wait: {} }, 'wait.giveUpMs'],
];

for (const [what, input, path] of BAD) {
  test(`refuses ${what} before anything starts, also when no client looked at it`, async () => {
    const run = await frame.startRaw('ToyZone', input);
    const failure = await failureOf(run);
    assert.equal(failure.type, 'InvalidInput');
    assert.equal(failure.nonRetryable, true);
    assert.match(failure.message, /^Cannot use the input of ToyZone/);
    const [{ issues }] = failure.details as [{ issues: Array<{ path: string; expected: string }> }];
    assert.deepEqual(
      issues.filter((issue) => issue.path === path).map(({ expected }) => expected.length > 0),
      [true],
    );
    assert.deepEqual(run.cloud.calls, []);
  });
}

test('a plan that refers to what no step makes is the fault of the operation: it fails and is undone', async () => {
  const run = await frame.start('ToyAstray');
  const failure = await failureOf(run);
  assert.equal(failure.type, 'GateFailed');
  assert.match(failure.message, /Cannot use "arn" of step "vpc": it has none/);
  assert.deepEqual([...run.cloud.things], []);
  assert.deepEqual(run.cloud.steps('delete'), ['vpc']);
});
