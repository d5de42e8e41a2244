import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { dependenciesOf, layersOf, type PlannedStep } from '../../domain/plan.ts';
import { joinSteps } from '../../domain/zone/join.ts';
import type { ManifestEntry, ZoneAbout } from '../../domain/zone/manifest.ts';
import { planRemove } from '../../domain/zone/remove.ts';
import { nodeUserData } from '../../machine/node-user-data.ts';
import { zoneFacts, zoneSpec } from './zone-fixtures.ts';

const about = (...machines: string[]): ZoneAbout => ({
  zone: 'zone03',
  environment: 'prod.example.com',
  domain: 'zone03.prod.example.com',
  state: 'active',
  imageId: 'ami-0123456789abcdef0',
  createdAt: '2026-01-31T12:00:00.000Z',
  spec: zoneSpec(),
  facts: zoneFacts(),
  machines,
});
const stepOf = (steps: readonly PlannedStep[], name: string): PlannedStep => {
  const found = steps.find(({ step }) => step === name);
  assert.ok(found, name);
  return found;
};

suite('steps of a director that joins', () => {
  const { steps, machine, needs } = joinSteps(
    about('border-0', 'director-0', 'worker-0'),
    { role: 'director' },
    nodeUserData,
  );

  test('it takes the next slot, and its etcd expects to be let in by those that are there', () => {
    assert.equal(machine.name, 'director-1');
    const instance = stepOf(steps, 'machines/director-1/instance');
    assert.ok(instance.kind === 'instance');
    const text = String(instance.plan.userData);
    assert.equal(text.match(/"initialState": "existing"/g)?.length, 2);
    assert.match(
      text,
      /"initialCluster": "director-0=https:\/\/172\.\d+\.\d+\.\d+:2380,director-1=https:\/\/172\.[\d.]+:2380"/,
    );
    const member = stepOf(steps, 'machines/director-1/etcd-member-kubernetes');
    assert.ok(member.kind === 'etcd-member');
    assert.deepEqual(Object.keys(member.plan.others as object), ['director-0']);
    assert.ok(String(text).includes(`director-1=${String(member.plan.peerUrl)}`));
  });

  test('its place in etcd comes before its machine and its vote last, so that undo takes the vote back first', () => {
    const layers = layersOf(steps, new Set(needs)).map((layer) => layer.map(({ step }) => step));
    const layerOf = (name: string) =>
      layers.findIndex((layer) => layer.includes(`machines/director-1/${name}`));
    assert.ok(layerOf('etcd-member-kubernetes') < layerOf('instance'));
    assert.ok(layerOf('instance') < layerOf('etcd-voter-kubernetes'));
    assert.equal(layerOf('etcd-voter-kubernetes'), layers.length - 1);
  });

  test('a third counts on two, after the first is gone as well', () => {
    const third = joinSteps(
      about('border-0', 'director-1', 'director-2'),
      { role: 'director' },
      nodeUserData,
    );
    assert.equal(third.machine.name, 'director-0');
    const member = stepOf(third.steps, 'machines/director-0/etcd-member-kubernetes');
    assert.ok(member.kind === 'etcd-member');
    assert.deepEqual(Object.keys(member.plan.others as object), ['director-1', 'director-2']);
    assert.ok(!third.needs.some((step) => step.startsWith('machines/director-')));
  });

  test('there is no fourth', () => {
    const full = about('border-0', 'director-0', 'director-1', 'director-2');
    assert.throws(() => joinSteps(full, { role: 'director' }, nodeUserData), {
      type: 'Conflict',
      message: /its 3 slots are taken/,
    });
    assert.throws(
      () => joinSteps(about('border-0'), { role: 'director', machine: 'director-3' }, nodeUserData),
      {
        type: 'InvalidInput',
      },
    );
  });

  test('a worker’s join knows nothing of etcd', () => {
    const worker = joinSteps(about('border-0', 'director-0', 'worker-0'), { role: 'worker' }, nodeUserData);
    assert.deepEqual(
      worker.steps.filter(({ kind }) => kind === 'etcd-member' || kind === 'etcd-voter'),
      [],
    );
    assert.ok(worker.steps.flatMap(dependenciesOf).includes('machines/director-0/certificates'));
  });
});

test('a director that leaves names its members, a worker has none', () => {
  const entry = (machine: string): ManifestEntry => ({
    step: `machines/${machine}/instance`,
    kind: 'instance',
    owner: { environment: 'e', operation: 'o', step: 's', incarnation: 1, name: 'n' },
    plan: {},
    ref: { id: 'i-0123456789abcdef0' },
  });
  const request = { instanceId: 'i-0123456789abcdef0', force: false, last: false };
  const zone = about('border-0', 'director-0', 'director-1', 'worker-0', 'worker-1');
  const director = planRemove(zone, [entry('director-1')], { ...request, machine: 'director-1' });
  assert.deepEqual(
    director.members?.map(({ cluster, name }) => [cluster, name]),
    [
      ['kubernetes', 'director-1'],
      ['discovery', 'director-1'],
    ],
  );
  assert.equal(planRemove(zone, [entry('worker-1')], { ...request, machine: 'worker-1' }).members, undefined);
});
