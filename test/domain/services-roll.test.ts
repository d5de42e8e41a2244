import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidInput, ZonewrightError } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { applyText, planApply } from '../../domain/services/apply.ts';
import type { ServicesGround } from '../../domain/services/ground.ts';
import { disruptionBudget, statefulSet } from '../../domain/services/objects.ts';
import { instancesText, type Generation } from '../../domain/services/record.ts';
import {
  highest,
  planRoll,
  rollOptionsSchema,
  rollText,
  type RollRequest,
} from '../../domain/services/roll.ts';
import { servicesSchema } from '../../domain/services/spec.ts';

const services = (more: object = {}, image = 'web:2') =>
  parse(
    servicesSchema,
    {
      web: {
        num_instances: 5,
        public_endpoints: [
          { name: 'web', port: 80, scheme: 'http' },
          { name: 'www', port: 80, scheme: 'http' },
        ],
        containers: [{ name: 'web', image, port: 80 }],
        ...more,
      },
    },
    'services.yml',
  );
const options = rollOptionsSchema.parse({});
const request = (more: Partial<RollRequest> = {}): RollRequest => ({
  ...{ zone: 'zone03', service: 'web', spec: services()['web']!, domain: 'zone03.example.com' },
  ...{ running: [], eligible: 3, options, ...more },
});
const of = (generation: number, first: number, count: number, version = 'old'): Generation => ({
  ...{ generation, version, first, count },
});

for (const [what, running, first, generation] of [
  ['nothing', [], 1, 1],
  ['1…5', [of(1, 1, 5)], 6, 2],
  ['8…12', [of(4, 8, 5)], 13, 5],
  ['two generations with a gap', [of(3, 20, 2), of(2, 4, 3)], 22, 4],
  ['a generation that is stopped', [of(2, 4, 3), of(3, 7, 0)], 7, 4],
  ['one', [of(1, 7, 1)], 8, 2],
] as const) {
  test(`with ${what} running, five new ones begin at ${first}`, () => {
    const plan = planRoll(request({ running }));
    assert.deepEqual(plan.next, { generation, version: plan.next.version, first, count: 5 });
    assert.deepEqual(
      plan.old.map((one) => one.first),
      running
        .filter(({ count }) => count > 0)
        .map((one) => one.first)
        .toSorted((a, b) => a - b),
    );
  });
}

for (const [count, batch, batches] of [
  [5, undefined, [5]],
  [20, undefined, [5, 10, 15, 20]],
  [21, undefined, [6, 12, 18, 21]],
  [5, 2, [2, 4, 5]],
  [1, 9, [1]],
] as const) {
  test(`${count} instances start in batches up to ${batches.join(', ')}`, () => {
    const spec = services({ num_instances: count })['web']!;
    const plan = planRoll(request({ spec, options: { ...options, ...(batch ? { batch } : {}) } }));
    assert.deepEqual(plan.batches, batches);
  });
}

test('"all" is as many as there are workers', () => {
  const plan = planRoll(request({ spec: services({ num_instances: 'all' })['web']! }));
  assert.equal(plan.next.count, 3);
});

test('a version that runs already, no worker and no container are refused', () => {
  const first = planRoll(request());
  const same = request({ running: [first.next] });
  assert.throws(
    () => planRoll(same),
    (error) =>
      error instanceof ZonewrightError &&
      error.type === 'Conflict' &&
      /5 instances of version .* run already, web@1…5/.test(error.message),
  );
  // Another number of them is no repetition.
  assert.equal(planRoll({ ...same, spec: services({ num_instances: 4 })['web']! }).next.first, 6);
  const nowhere = request({ eligible: 0, spec: services({ scheduling_group: 'none' })['web']! });
  assert.throws(() => planRoll(nowhere), /none bears the label scheduling_group=none/);
  assert.throws(() => planRoll(request({ eligible: 0 })), InvalidInput);
  const empty = services({ containers: [], public_endpoints: [] })['web']!;
  assert.throws(() => planRoll(request({ spec: empty })), /at least one container/);
});

test('evictions must leave what announced ones there are, and no more than either generation has', () => {
  assert.deepEqual(planRoll(request()).budget, { during: 5, after: 5 });
  assert.deepEqual(planRoll(request({ running: [of(1, 1, 3)] })).budget, { during: 3, after: 5 });
  const spec = services({ min_available: 4 })['web']!;
  assert.deepEqual(planRoll(request({ spec, running: [of(1, 1, 9)] })).budget, { during: 4, after: 4 });
});

test('the plan is the same for the same, and says what it does', () => {
  const plan = planRoll(request({ running: [of(1, 1, 5)] }));
  assert.equal(planRoll(request({ running: [of(1, 1, 5)] })).hash, plan.hash);
  assert.notEqual(planRoll(request({ running: [of(1, 1, 4)] })).hash, plan.hash);
  assert.deepEqual(plan.definition, { scheme: 'http', publicNames: ['www.zone03.example.com'], port: 80 });
  assert.match(rollText(plan), /web: replace web@1…5 \(old\) by web@6…10 \([0-9a-f]{12}\)/);
});

test('a generation is a StatefulSet without pods that begins at its number and is never updated in place', () => {
  const { shape } = planRoll(request({ spec: services({ scheduling_group: 'front' })['web']! }));
  const set = statefulSet({ service: 'web', generation: 2, version: 'v', first: 6, shape });
  assert.equal(set.metadata.name, 'web-g2');
  const { replicas, ordinals, podManagementPolicy, updateStrategy, template } = set.spec;
  assert.deepEqual(
    [replicas, ordinals, podManagementPolicy, updateStrategy],
    [0, { start: 6 }, 'Parallel', { type: 'OnDelete' }],
  );
  const { spec } = template;
  assert.deepEqual(spec.readinessGates, [{ conditionType: 'zonewright.dev/serving' }]);
  assert.equal(spec.automountServiceAccountToken, false);
  assert.deepEqual(spec.nodeSelector, { scheduling_group: 'front' });
  assert.deepEqual(spec.containers[0]?.ports, [{ name: 'serve', containerPort: 80 }]);
  assert.equal(spec.containers[0]?.imagePullPolicy, 'IfNotPresent');
  const labels = template.metadata.labels as Record<string, string>;
  assert.deepEqual([labels['zonewright.dev/service'], labels['zonewright.dev/generation']], ['web', '2']);
  const budget = disruptionBudget('web', 5).spec;
  assert.deepEqual(
    [budget.minAvailable, budget.selector.matchLabels],
    [5, { 'zonewright.dev/service': 'web' }],
  );
});

const ground = (recorded: ServicesGround['recorded'] = {}): ServicesGround => ({
  ...{ zone: 'zone03', environment: 'example.com', domain: 'zone03.example.com' },
  ...{ zoneCreatedAt: '2026-01-01T00:00:00Z', workers: 3, groups: {}, publicPorts: [80, 443], recorded },
});

test('applying starts, rolls, adjusts and leaves alone; what the file does not name goes only when pruned', () => {
  const first = planApply({
    ...{ ground: ground(), services: services(), running: {}, options, prune: false },
  });
  assert.deepEqual([first.rolls.length, first.rolls[0]?.old], [1, []]);
  const [roll] = first.rolls;
  assert.ok(roll);
  const running = {
    web: { generations: [roll.next], definition: roll.definition },
    gone: { generations: [of(1, 1, 2)] },
  };
  const recorded = {
    web: {
      spec: roll.spec,
      version: roll.next.version,
      definition: { ...roll.definition, publicNames: [...roll.definition.publicNames] },
      generations: [roll.next],
      operation: 'x',
      at: '2026-01-01T00:00:00Z',
    },
  };
  const again = (file = services(), prune = false) =>
    planApply({ ground: ground(recorded), services: file, running, options, prune });
  assert.deepEqual([again().unchanged, again().rolls, again().adjustments], [['web'], [], []]);
  assert.deepEqual(
    again().gone.map(({ service }) => service),
    ['gone'],
  );
  assert.match(
    applyText(again(), services(), ground()),
    /gone: runs, and the file does not name it; --prune stops it/,
  );
  assert.notEqual(again(services(), true).hash, again().hash);
  assert.equal(again(services({ min_available: 1 })).adjustments[0]?.minAvailable, 1);
  assert.equal(again(services({}, 'web:3')).rolls[0]?.next.first, 6);
});

test('instances as people write them', () => {
  assert.deepEqual(
    [
      [3, 5],
      [3, 1],
      [3, 0],
    ].map(([first = 0, count = 0]) => instancesText('web', { first, count })),
    ['web@3…7', 'web@3', 'no instance of web'],
  );
  assert.equal(highest([of(1, 1, 3), of(2, 9, 1)]), 9);
});
