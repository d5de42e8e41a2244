import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect } from '../../activities/cloud/clients.ts';
import type { Effects } from '../../activities/effect.ts';
import {
  createActivities,
  createAwsEffects,
  createPkiActivities,
  createPkiEffects,
} from '../../activities/index.ts';
import { createZoneActivities, createZoneEffects } from '../../activities/zone.ts';
import { kinds, PKI_KINDS, ZONE_KINDS, type Kind } from '../../domain/resources/index.ts';

const clients = connect({ region: 'eu-west-1', requestTimeoutMs: 1_000 });
const settings = { bucket: 'store', consistencyWindowMs: 1, pollMs: 1, requestTimeoutMs: 1 };
const files = { caFile: 'ca.crt', certFile: 'a.crt', keyFile: 'a.key' };
const access = {
  kubernetes: { server: 'https://127.0.0.1:6443', ...files },
  etcd: { endpoints: ['https://127.0.0.1:2379'], ...files },
  discovery: { endpoints: ['https://127.0.0.1:2389'], ...files },
  backups: { s3: clients.s3, scratch: { folder: '/nonexistent', etcd: 'etcd', etcdutl: 'etcdutl' } },
};

suite('registry of activities', () => {
  const hosted = {
    aws: Object.keys(createActivities(clients, settings)),
    pki: Object.keys(createPkiActivities(clients, settings)),
    zone: Object.keys(createZoneActivities(access, settings)),
  };

  test('every kind has its four activities, on the queue of its privilege and there alone', () => {
    const queueOf = (kind: Kind) =>
      (PKI_KINDS as readonly Kind[]).includes(kind)
        ? 'pki'
        : (ZONE_KINDS as readonly Kind[]).includes(kind)
          ? 'zone'
          : 'aws';
    for (const kind of kinds) {
      for (const verb of ['create', 'delete', 'describe', 'ready']) {
        const queues = Object.entries(hosted).filter(([, names]) => names.includes(`${kind}.${verb}`));
        assert.deepEqual(
          queues.map(([queue]) => queue),
          [queueOf(kind)],
          `${kind}.${verb}`,
        );
      }
    }
  });

  test('no name is registered twice', () => {
    const names = Object.values(hosted).flat();
    assert.deepEqual(
      names.filter((name, at) => names.indexOf(name) !== at),
      [],
    );
  });

  test('there is an effect for every kind, and sweeps know what to do with each', () => {
    const effects: Effects = {
      ...createAwsEffects(clients, settings),
      ...createPkiEffects(clients, settings),
      ...createZoneEffects(access, settings),
    };
    assert.deepEqual(Object.keys(effects).toSorted(), kinds.toSorted());
    for (const effect of Object.values(effects)) {
      assert.ok(effect.leftovers === 'with its parent' || typeof effect.leftovers === 'function');
    }
  });
});
