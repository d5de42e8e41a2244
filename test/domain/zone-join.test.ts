import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layersOf } from '../../domain/plan.ts';
import {
  joinPlan,
  joinSteps,
  machineNamed,
  type JoinPlan,
  type JoinRequest,
} from '../../domain/zone/join.ts';
import {
  aboutZone,
  machineNames,
  newManifest,
  partsOf,
  withMade,
  withState,
  type ZoneManifest,
} from '../../domain/zone/manifest.ts';
import { planZone } from '../../domain/zone/plan.ts';
import { planRemove } from '../../domain/zone/remove.ts';
import type { ZoneSpecInput } from '../../domain/zone/spec.ts';
import { nodeUserData } from '../../machine/node-user-data.ts';
import { zoneFacts, zoneSpec } from './zone-fixtures.ts';

const AT = '2030-01-31T12:00:00.000Z';
const POOLS = [
  { instanceType: 't3.medium', count: 2 },
  { instanceType: 'm6i.large', count: 1, labels: { 'example.com/pool': 'large' } },
];

/** An active zone: everything of its plan was made, under ids that follow from the steps. */
function zone(changes: Partial<ZoneSpecInput> = {}): ZoneManifest {
  const spec = zoneSpec({ workers: [{ instanceType: 't3.medium', count: 2 }], ...changes });
  const facts = zoneFacts();
  const plan = planZone(spec, facts, nodeUserData);
  const made = plan.steps.reduce(
    (so, { step, kind, name }) => {
      const owner = { environment: plan.environment, operation: 'create', step, incarnation: 1, name };
      return withMade(so, { step, kind, owner, plan: {}, ref: { id: `id-of-${step}` } }, AT);
    },
    newManifest(plan, spec, AT, facts),
  );
  return withState(made, 'active', AT);
}

function plan(manifest: ZoneManifest, request: Partial<JoinRequest> = {}): JoinPlan {
  const steps = joinSteps(aboutZone(manifest), { role: 'worker', ...request }, nodeUserData);
  return joinPlan(steps, partsOf(manifest, { steps: steps.needs }));
}

/** The manifest of a zone without one of its machines. */
const without = (manifest: ZoneManifest, machine: string): ZoneManifest => ({
  ...manifest,
  made: manifest.made.filter(({ step }) => !step.startsWith(`machines/${machine}/`)),
});

test('a worker joins in the lowest free slot, with the address, pods and steps that the zone file would have given it', () => {
  const joined = plan(zone());
  assert.equal(joined.machine.name, 'worker-2');
  const spec = zoneSpec({ workers: [{ instanceType: 't3.medium', count: 3 }] });
  const whole = planZone(spec, zoneFacts(), nodeUserData);
  assert.deepEqual(
    joined.machine,
    whole.machines.find(({ name }) => name === 'worker-2'),
  );
  const planned = whole.steps.filter(({ step }) => step.startsWith('machines/worker-2/'));
  const plain = joined.steps.filter(({ kind }) => !['node', 'node-admission'].includes(kind));
  assert.deepEqual(
    plain,
    planned.filter(({ kind }) => kind !== 'node-admission'),
  );
  assert.equal(plan(without(zone(), 'worker-0')).machine.name, 'worker-0');
});

test('the node is waited for before it is admitted, admitted last, and undone last', () => {
  const { steps, uses } = plan(zone());
  const layers = layersOf(steps, new Set(Object.keys(uses)));
  assert.deepEqual(
    layers.at(-1)?.map(({ kind }) => kind),
    ['node-admission'],
  );
  assert.deepEqual(
    steps.filter((step) => step.undoneLast).map(({ kind }) => kind),
    ['node'],
  );
  // Registered together with the certificates, without which nothing could register.
  const depthOf = (kind: string) => layers.findIndex((layer) => layer.some((step) => step.kind === kind));
  assert.equal(depthOf('node'), depthOf('machine-certificates'));
});

test('the same zone and request have the same hash; another part, slot or pool has another', () => {
  const pools = zone({ workers: POOLS });
  const hashes = [
    plan(pools, { pool: 0 }),
    plan(pools, { pool: 1 }),
    plan(pools, { pool: 0, machine: 'worker-7' }),
  ].map(({ hash }) => hash);
  assert.equal(new Set(hashes).size, 3);
  assert.equal(plan(pools, { pool: 0 }).hash, hashes[0]);
  const subnet = pools.made.find(({ step }) => step === 'network/subnet-private-a')!;
  const moved = withMade(pools, { ...subnet, ref: { id: 'subnet-other' } }, AT);
  assert.notEqual(plan(moved, { pool: 0 }).hash, hashes[0]);
  // A worker that joined meanwhile changes nothing for another slot.
  const grown = withMade(pools, { ...subnet, step: 'machines/worker-3/instance', kind: 'instance' }, AT);
  assert.equal(plan(grown, { pool: 0, machine: 'worker-7' }).hash, hashes[2]);
});

test("a pool's type and labels are the machine's; several pools must be told apart", () => {
  const pools = zone({ workers: POOLS });
  const { machine } = plan(pools, { pool: 1 });
  assert.equal(machine.instanceType, 'm6i.large');
  assert.equal(machine.labels?.['example.com/pool'], 'large');
  const expected = /pool: .* — expected one of 0 \(t3.medium\), 1 \(m6i.large\)/;
  assert.throws(() => plan(pools), { type: 'InvalidInput', message: expected });
  assert.throws(() => plan(pools, { pool: 2 }), { type: 'InvalidInput', message: expected });
});

test('what cannot join is refused with the reason', () => {
  const active = zone();
  const refused = (
    manifest: ZoneManifest,
    request: Partial<JoinRequest>,
    message: RegExp,
    type = 'Conflict',
  ) => assert.throws(() => plan(manifest, request), { type, message });
  refused({ ...active, state: 'creating' }, {}, /Cannot change zone "zone03": it is creating/);
  refused(active, { machine: 'worker-1' }, /its slot is taken/);
  for (const machine of ['worker-999', 'director-1', 'worker-01', 'x'])
    refused(
      active,
      { machine },
      /machine: .* — expected worker-<slot> with a slot from 0 to 128/,
      'InvalidInput',
    );
  const { facts: _, ...early } = active;
  refused(early, {}, /keeps no facts of its plan/);
  const lacking = { ...active, made: active.made.filter(({ step }) => step !== 'pki/kubernetes') };
  refused(lacking, {}, /its manifest lacks "pki\/kubernetes"/);
});

test('a zone is full when its addresses, its pod range or its three directors are taken', () => {
  const small = zone({
    kubernetes: { version: '1.36.3', podCidr: '10.64.0.0/23', serviceCidr: '10.96.0.0/16' },
  });
  assert.deepEqual(machineNames(small), ['border-0', 'director-0', 'worker-0', 'worker-1']);
  assert.throws(() => plan(small), { type: 'Conflict', message: /its 2 slots are taken/ });
  const part = small.made.find(({ kind }) => kind === 'instance')!;
  const directors = [1, 2].reduce(
    (so, slot) => withMade(so, { ...part, step: `machines/director-${slot}/instance` }, AT),
    small,
  );
  assert.throws(() => plan(directors, { role: 'director' }), {
    type: 'Conflict',
    message: /its 3 slots are taken/,
  });
});

test('machineNamed() reads names of machines and nothing else', () => {
  assert.deepEqual(machineNamed('worker-10'), { role: 'worker', slot: 10 });
  for (const name of ['worker', 'worker-', 'worker-01', 'Worker-1', 'king-1', 'worker-1-2'])
    assert.equal(machineNamed(name), undefined, name);
});

test('a removal pins the instance, and lists exactly the parts of its machine', () => {
  const manifest = zone();
  const instanceId = 'id-of-machines/worker-1/instance';
  const request = { machine: 'worker-1', instanceId, force: false, last: false };
  const parts = partsOf(manifest, { prefixes: ['machines/worker-1/'] });
  const removal = planRemove(aboutZone(manifest), parts, request);
  assert.equal(removal.node, `${instanceId}.worker.zone.local`);
  assert.ok(
    removal.parts.length > 5 && removal.parts.every(({ step }) => step.startsWith('machines/worker-1/')),
  );
  assert.equal(planRemove(aboutZone(manifest), parts, request).hash, removal.hash);
  assert.notEqual(planRemove(aboutZone(manifest), parts, { ...request, force: true }).hash, removal.hash);
  const refused = (about: ZoneManifest, change: Partial<typeof request>, message: RegExp) =>
    assert.throws(() => planRemove(aboutZone(about), parts, { ...request, ...change }), {
      type: 'Conflict',
      message,
    });
  refused(manifest, { instanceId: 'i-0123' }, /it is instance "id-of-.*", expected "i-0123"/);
  refused({ ...manifest, state: 'destroying' }, {}, /it is destroying/);
  const alone = without(manifest, 'worker-0');
  refused(alone, {}, /it is the last worker/);
  assert.equal(planRemove(aboutZone(alone), parts, { ...request, last: true }).machine, 'worker-1');
  assert.throws(
    () => planRemove(aboutZone(manifest), [], { ...request, machine: 'worker-9' }),
    /has no such machine/,
  );
});

test('a machine that was only begun keeps its slot, and can be removed without an instance', () => {
  const whole = zone();
  const made = whole.made.flatMap((part) => {
    if (!part.step.startsWith('machines/worker-1/')) return [part];
    const { ref: _, ...begun } = part;
    return part.step === 'machines/worker-1/instance' ? [begun] : [];
  });
  const manifest = { ...whole, made };
  assert.throws(() => plan(manifest, { machine: 'worker-1' }), {
    type: 'Conflict',
    message: /slot is taken/,
  });
  const parts = partsOf(manifest, { prefixes: ['machines/worker-1/'] });
  const request = { machine: 'worker-1', force: false, last: false };
  const removal = planRemove(aboutZone(manifest), parts, request);
  assert.deepEqual([removal.instanceId, removal.node], ['', undefined]);
  assert.deepEqual(removal.parts, [{ step: 'machines/worker-1/instance', kind: 'instance', id: 'begun' }]);
  assert.throws(() => planRemove(aboutZone(manifest), parts, { ...request, instanceId: 'i-0123' }), {
    type: 'Conflict',
    message: /it is instance "none", expected "i-0123"/,
  });
});

test('a join that needs a part which was only begun is refused', () => {
  const whole = zone();
  const [step = ''] = Object.keys(plan(whole).uses);
  const made: ZoneManifest['made'] = whole.made.map((part) => {
    const { ref: _, ...begun } = part;
    return part.step === step ? begun : part;
  });
  assert.throws(() => plan({ ...whole, made }), {
    type: 'Conflict',
    message: new RegExp(`its manifest lacks "${step}"`),
  });
});
