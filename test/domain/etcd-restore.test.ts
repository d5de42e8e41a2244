import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Backup } from '../../domain/etcd/catalogue.ts';
import { machineConfigSchema } from '../../domain/machine-config.ts';
import { dependenciesOf, layersOf } from '../../domain/plan.ts';
import { instanceStep } from '../../domain/zone/machine-steps.ts';
import type { ManifestEntry, ZoneAbout } from '../../domain/zone/manifest.ts';
import { planRestore, revisionBump } from '../../domain/zone/restore.ts';
import { nodeUserData } from '../../machine/node-user-data.ts';
import { zoneFacts, zoneSpec } from './zone-fixtures.ts';

const CREATED = '2026-01-31T12:00:00.000Z';
const SHA256 = 'a1'.repeat(32);

const about = (change: Partial<ZoneAbout> = {}): ZoneAbout => ({
  zone: 'zone03',
  environment: 'prod.example.com',
  domain: 'zone03.prod.example.com',
  state: 'active',
  imageId: 'ami-0123456789abcdef0',
  createdAt: CREATED,
  spec: zoneSpec(),
  facts: zoneFacts(),
  machines: ['border-0', 'director-0', 'worker-0'],
  ...change,
});
const backup = (change: Partial<Backup> = {}, claim: object = {}): Backup => ({
  backup: 'backup-zone03.1a2b3c4d',
  folder: 'zones/zone03/backups/backup-zone03.1a2b3c4d/',
  state: 'proven',
  startedAt: '2026-02-01T12:00:00.000Z',
  claim: {
    format: 1,
    backup: 'backup-zone03.1a2b3c4d',
    zone: 'zone03',
    domain: 'zone03.prod.example.com',
    zoneCreatedAt: CREATED,
    actor: 'alice',
    reason: '',
    startedAt: '2026-02-01T12:00:00.000Z',
    ...claim,
  },
  snapshot: {
    format: 1,
    backup: 'backup-zone03.1a2b3c4d',
    attempt: '1-1',
    key: 'zones/zone03/backups/backup-zone03.1a2b3c4d/1-1/snapshot.db',
    versionId: 'v1',
    bytes: 4096,
    sha256: SHA256,
    partsSha256: 'x-1',
    nonce: { key: '/zonewright/backup', value: 'n', revision: '40' },
    keys: '12',
    hashes: [],
    lastRevision: '41',
    source: { member: 'director-0', memberId: '1', clusterId: '2', version: '3.7.3' },
    startedAt: '2026-02-01T12:00:00.000Z',
    endedAt: '2026-02-01T12:00:01.000Z',
  },
  proofs: [],
  ...change,
});
const PARTS: ManifestEntry[] = [
  {
    step: instanceStep('director-0'),
    kind: 'instance',
    owner: {
      environment: 'prod.example.com',
      operation: 'create-zone03.1',
      step: instanceStep('director-0'),
      incarnation: 1,
      name: 'director-0',
    },
    plan: {},
    ref: { id: 'i-0000000000000000d' },
  },
];

/** What user data writes to `machine.json`. */
const configIn = (userData: string) =>
  machineConfigSchema.parse(JSON.parse(userData.slice(userData.indexOf('{'), userData.lastIndexOf('}') + 1)));

suite('plan of a restore', () => {
  const plan = planRestore(about(), backup(), PARTS, nodeUserData);

  test('a fresh director in a free slot, alone in its etcd, that waits for the very snapshot', () => {
    assert.equal(plan.machine.name, 'director-1');
    assert.deepEqual(plan.old, { machine: 'director-0', instanceId: 'i-0000000000000000d' });
    const instance = plan.steps.find(({ kind }) => kind === 'instance');
    assert.ok(instance);
    const config = configIn((instance.plan as { userData: string }).userData);
    assert.deepEqual(config.cluster.etcd.restore, { sha256: SHA256 });
    assert.equal(config.cluster.etcd.initialState, 'new');
    assert.match(config.cluster.etcd.initialCluster, /^director-1=https:\/\/[\d.]+:2380$/);
  });

  test('discovery begins as a new cluster of the fresh director alone', () => {
    const instance = plan.steps.find(({ kind }) => kind === 'instance');
    assert.ok(instance);
    const { discovery } = configIn((instance.plan as { userData: string }).userData).cluster;
    assert.equal(discovery.initialState, 'new');
    assert.match(discovery.initialCluster, /^director-1=https:\/\/[\d.]+:2390$/);
  });

  test('the old director is halted once the fresh one only waits for its snapshot, and started again last', () => {
    const layers = layersOf(plan.steps, new Set(plan.needs)).map((layer) => layer.map(({ kind }) => kind));
    assert.deepEqual(layers, [['instance'], ['machine-certificates'], ['instance-halt'], ['snapshot-copy']]);
    assert.deepEqual(
      plan.steps.filter(({ undoneLast }) => undoneLast).map(({ kind }) => kind),
      ['instance-halt'],
    );
    const made = new Set(plan.steps.map(({ step }) => step));
    for (const step of plan.steps)
      for (const needed of dependenciesOf(step))
        assert.ok(made.has(needed) || plan.needs.includes(needed), needed);
  });

  test('equal arguments give the same hash, another backup another one', () => {
    assert.equal(planRestore(about(), backup(), PARTS, nodeUserData).hash, plan.hash);
    const other = backup({ snapshot: { ...backup().snapshot!, versionId: 'v2' } });
    assert.notEqual(planRestore(about(), other, PARTS, nodeUserData).hash, plan.hash);
  });

  test('revisions never come a second time, however often a zone was restored from whatever age', () => {
    const after = (lastRevision: string, ...seen: string[]) =>
      Number(lastRevision) + revisionBump({ lastRevision }, seen);
    const first = after('2250', '3000');
    assert.ok(first > 3000 + 999_000_000);
    // Once more from the same, or from an older one: above what the first restore began with.
    assert.ok(after('2250', String(first + 500_000_000)) > first + 500_000_000);
    const second = after(String(first), String(first + 10));
    assert.ok(after('7', String(second)) > second);
  });

  const REFUSED: readonly (readonly [string, Partial<ZoneAbout>, Backup, RegExp])[] = [
    ['one that was never proven', {}, backup({ state: 'unproven' }), /it is unproven, expected a proven one/],
    ['one that is damaged', {}, backup({ state: 'damaged' }), /it is damaged, expected a proven one/],
    [
      'one of another zone',
      {},
      backup({}, { zone: 'zone04', domain: 'zone04.prod.example.com' }),
      /it is of zone "zone04/,
    ],
    [
      'one of another environment',
      {},
      backup({}, { domain: 'zone03.test.example.com' }),
      /it is of zone "zone03.test/,
    ],
    [
      'one of an earlier zone of the same name',
      {},
      backup({}, { zoneCreatedAt: '2025-01-01T00:00:00.000Z' }),
      /of a zone of this name that was created at 2025-01-01/,
    ],
    ['a zone that is being destroyed', { state: 'destroying' }, backup(), /it is destroying/],
    [
      'a zone with several directors',
      { machines: ['director-0', 'director-1', 'worker-0'] },
      backup(),
      /it has 2 directors \(director-0, director-1\), supported is 1/,
    ],
  ];
  for (const [what, change, given, message] of REFUSED) {
    test(`refused: ${what}`, () => {
      assert.throws(() => planRestore(about(change), given, PARTS, nodeUserData), { message });
    });
  }
  test('refused: one that lost its claim', () => {
    const { claim: _, ...without } = backup();
    assert.throws(() => planRestore(about(), without, PARTS, nodeUserData), /it is of an unknown zone/);
  });
});
