import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZonewrightError } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { dependenciesOf, layersOf } from '../../domain/plan.ts';
import { planDestroy } from '../../domain/zone/destroy.ts';
import {
  aboutZone,
  machineNames,
  manifestKey,
  refsOf,
  mustBeActive,
  newManifest,
  partsOf,
  withMade,
  withNeeds,
  withoutMade,
  withState,
  zoneManifestSchema,
  ZONE_STATES,
  type ManifestEntry,
  type ZoneManifest,
} from '../../domain/zone/manifest.ts';
import { planOf, randomNumbers, someSpec, zoneFacts, zoneSpec } from './zone-fixtures.ts';

const AT = '2030-01-31T12:00:00.000Z';
const LATER = '2030-01-31T12:01:00.000Z';

const entry = (step: string, kind: ManifestEntry['kind'] = 'vpc', id = `id-of-${step}`): ManifestEntry => ({
  step,
  kind,
  owner: { environment: 'prod.example.com', operation: 'op', step, incarnation: 1, name: step },
  plan: {},
  ref: { id },
});

/** A manifest of a zone of which `count` steps were made, in the order of their layers. */
function manifestOf(seed: number, count = Infinity): ZoneManifest {
  const plan = planOf(someSpec(seed));
  const made = layersOf(plan.steps).flat().slice(0, count);
  return made.reduce(
    (manifest, { step, kind }) => withMade(manifest, entry(step, kind), AT),
    newManifest(plan, zoneSpec(someSpec(seed)), AT),
  );
}

test('a manifest is what its schema says, and survives JSON', () => {
  const manifest = manifestOf(1);
  const read = parse(zoneManifestSchema, JSON.parse(JSON.stringify(manifest)), 'the manifest');
  assert.deepEqual(read, manifest);
  assert.equal(manifestKey('zone03', 'a/'), 'a/zones/zone03/manifest.json');
});

test('a manifest that names an unknown kind is refused', () => {
  const manifest = { ...manifestOf(1, 1), made: [{ ...entry('x'), kind: 'spaceship' }] };
  assert.throws(
    () => parse(zoneManifestSchema, manifest, 'the manifest'),
    /made\[0\]\.kind: "spaceship" — expected "vpc" or/,
  );
});

test('withMade() adds once, replaces in place, and withoutMade() succeeds on nothing', () => {
  const { ref: _, ...begun } = entry('a');
  let manifest = withMade(manifestOf(1, 0), begun, LATER);
  assert.deepEqual([...refsOf(manifest.made)], []);
  for (const step of ['a', 'b']) manifest = withMade(manifest, entry(step), LATER);
  manifest = withMade(manifest, entry('a', 'vpc', 'second'), LATER);
  assert.deepEqual(
    [...refsOf(manifest.made)].map(([step, { id }]) => [step, id]),
    [
      ['a', 'second'],
      ['b', 'id-of-b'],
    ],
  );
  assert.equal(manifest.updatedAt, LATER);
  manifest = withoutMade(withoutMade(manifest, 'a', LATER), 'a', LATER);
  assert.deepEqual(
    manifest.made.map(({ step }) => step),
    ['b'],
  );
});

test('withState() goes forward only', () => {
  const reached = (from: (typeof ZONE_STATES)[number]) =>
    ZONE_STATES.filter((state) => {
      try {
        return withState({ ...manifestOf(1, 0), state: from }, state, LATER).state === state;
      } catch (error) {
        assert.ok(error instanceof ZonewrightError && error.type === 'Conflict');
        return false;
      }
    });
  assert.deepEqual(reached('creating'), ['creating', 'active', 'destroying', 'destroyed']);
  assert.deepEqual(reached('active'), ['active', 'destroying']);
  assert.deepEqual(reached('destroying'), ['destroying', 'destroyed']);
  assert.deepEqual(reached('destroyed'), ['destroyed']);
});

for (let seed = 1; seed <= 15; seed++) {
  test(`planDestroy() of zone ${seed}, wherever its making ended, unmakes users before what they use`, () => {
    const plan = planOf(someSpec(seed));
    const needs = new Map(plan.steps.map((step) => [step.step, dependenciesOf(step)]));
    const manifest = manifestOf(seed, randomNumbers(seed)(plan.steps.length + 1));
    const left = new Set(manifest.made.map(({ step }) => step));
    for (const layer of planDestroy(manifest)) {
      for (const { step } of layer) {
        const user = [...left].find((other) => needs.get(other)?.includes(step));
        assert.equal(user, undefined, `${step} goes before ${user}`);
      }
      for (const { step } of layer) left.delete(step);
    }
    assert.deepEqual(
      [...left],
      manifest.made.some(({ step }) => step === 'dns/delegation-set') ? ['dns/delegation-set'] : [],
    );
  });
}

test('planDestroy() takes steps that no plan knows in the reverse order of their making', () => {
  const manifest = ['a', 'b', 'c'].reduce((so, step) => withMade(so, entry(step), AT), manifestOf(1, 0));
  assert.deepEqual(
    planDestroy(manifest).map((layer) => layer.map(({ step }) => step)),
    [['c'], ['b'], ['a']],
  );
  assert.equal(planDestroy(manifest)[0]?.[0]?.summary, 'deleting VPC id-of-c');
  assert.deepEqual(planDestroy(manifestOf(1, 0)), []);
});

test('planDestroy() ends on needs that go round', () => {
  const manifest = ['a', 'b'].reduce((so, step) => withMade(so, entry(step), AT), manifestOf(1, 0));
  const round = { ...manifest, needs: { a: ['b'], b: ['a'] } };
  assert.deepEqual(
    planDestroy(round).map((layer) => layer.map(({ step }) => step)),
    [['b'], ['a']],
  );
});

test('a manifest keeps what its plan was made from; one that an early version wrote has no facts', () => {
  const facts = zoneFacts();
  const manifest = newManifest(planOf(), zoneSpec(), AT, facts);
  const read = parse(zoneManifestSchema, JSON.parse(JSON.stringify(manifest)), 'the manifest');
  assert.deepEqual(read.facts, facts);
  assert.equal(aboutZone(manifestOf(1)).facts, undefined);
});

test('parts are found by step and by prefix, machines by their names, in the order of their numbers', () => {
  const steps = [
    'network/vpc',
    'machines/worker-10/instance',
    'machines/worker-2/instance',
    'machines/border-0/x',
  ];
  const manifest = steps.reduce((so, step) => withMade(so, entry(step), AT), manifestOf(1, 0));
  assert.deepEqual(machineNames(manifest), ['border-0', 'worker-2', 'worker-10']);
  const found = partsOf(manifest, { steps: ['network/vpc'], prefixes: ['machines/worker-1'] });
  assert.deepEqual(
    found.map(({ step }) => step),
    ['network/vpc', 'machines/worker-10/instance'],
  );
  assert.deepEqual(partsOf(manifest, {}), []);
  assert.deepEqual(aboutZone(manifest).machines, ['border-0', 'worker-2', 'worker-10']);
});

test('what joined later is unmade before what it needs, and its needs are forgotten with it', () => {
  const joined = 'machines/worker-7/instance';
  const plain = manifestOf(1);
  const grown = withMade(withNeeds(plain, { [joined]: ['network/vpc'] }), entry(joined, 'instance'), AT);
  const order = planDestroy(grown)
    .flat()
    .map(({ step }) => step);
  assert.ok(order.indexOf(joined) < order.indexOf('network/vpc'));
  assert.deepEqual(withoutMade(grown, joined, AT), { ...plain, updatedAt: AT });
});

test('operations change active zones only', () => {
  mustBeActive({ ...manifestOf(1, 0), state: 'active' });
  const creating = { ...manifestOf(1, 0), operation: 'create-zone03.1' };
  assert.throws(() => mustBeActive(creating), {
    type: 'Conflict',
    message: /it is creating by operation "create-zone03.1"/,
  });
});
