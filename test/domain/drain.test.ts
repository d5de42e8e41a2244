import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  blockedKey,
  blockedText,
  loadOf,
  selects,
  type BudgetView,
  type LabelSelector,
  type PodView,
} from '../../domain/zone/drain.ts';

const pod = (name: string, changes: Partial<PodView> = {}): PodView => ({
  pod: `default/${name}`,
  uid: `uid-of-${name}`,
  labels: { app: 'web' },
  controller: 'ReplicaSet',
  ...{ mirror: false, ended: false, leaving: false },
  ...changes,
});
const budget = (changes: Partial<BudgetView> = {}): BudgetView => ({
  budget: 'default/web',
  selector: { matchLabels: { app: 'web' } },
  ...{ allowed: 0, healthy: 2, desired: 2 },
  ...changes,
});

test('what a node carries: what must go, what stays, what is lost, and the budgets that block first', () => {
  const { controller: _controller, ...lone } = pod('lone', { labels: {} });
  const pods = [
    pod('web-1'),
    lone,
    pod('log', { controller: 'DaemonSet' }),
    pod('static', { mirror: true, controller: 'Node' }),
    pod('ended', { ended: true }),
    pod('leaving', { leaving: true }),
  ];
  assert.deepEqual(loadOf(pods, [budget()]), {
    blocked: [{ pod: 'default/web-1', budget: 'default/web', because: 'it needs 2 healthy pods and has 2' }],
    evict: ['default/leaving', 'default/lone', 'default/web-1'],
    lost: ['default/lone'],
    stay: ['default/log', 'default/static'],
  });
});

test('a budget blocks pods of its own namespace that it selects, while it allows none to go', () => {
  const blocked = (changes: Partial<BudgetView>) => loadOf([pod('web-1')], [budget(changes)]).blocked.length;
  assert.equal(blocked({}), 1);
  assert.equal(blocked({ allowed: 1 }), 0);
  assert.equal(blocked({ budget: 'other/web' }), 0);
  assert.equal(blocked({ selector: { matchLabels: { app: 'db' } } }), 0);
  assert.equal(blocked({ selector: {} }), 1);
});

const EXPRESSIONS: readonly (readonly [LabelSelector['matchExpressions'], boolean])[] = [
  [[{ key: 'app', operator: 'In', values: ['web', 'db'] }], true],
  [[{ key: 'app', operator: 'In', values: ['db'] }], false],
  [[{ key: 'app', operator: 'NotIn', values: ['db'] }], true],
  [[{ key: 'tier', operator: 'NotIn', values: ['db'] }], true],
  [[{ key: 'app', operator: 'NotIn', values: ['web'] }], false],
  [[{ key: 'app', operator: 'Exists' }], true],
  [[{ key: 'tier', operator: 'Exists' }], false],
  [[{ key: 'tier', operator: 'DoesNotExist' }], true],
  [[{ key: 'app', operator: 'Unheard' }], false],
];
for (const [matchExpressions = [], expected] of EXPRESSIONS) {
  test(`{app: web} and ${JSON.stringify(matchExpressions)}: ${expected}`, () =>
    assert.equal(selects({ matchExpressions }, { app: 'web' }), expected));
}

test('what blocks is said for a few pods, and told apart by all of them', () => {
  const blocked = ['a', 'b', 'c'].map((name) => ({
    pod: `default/${name}`,
    budget: 'default/web',
    because: 'it is so',
  }));
  assert.equal(blockedText(blocked, 1), 'default/a is kept by budget default/web: it is so; and 2 more');
  assert.equal(blockedText([]), '');
  assert.equal(blockedKey(blocked), blockedKey(blocked.toReversed()));
  assert.notEqual(blockedKey(blocked), blockedKey(blocked.slice(1)));
});
