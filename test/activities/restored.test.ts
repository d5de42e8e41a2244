import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { restoredChecks } from '../../activities/checks/restored.ts';
import { startEtcd, type TestEtcd } from './etcd-fixture.ts';
import { inActivity } from './run-effect.ts';

const NONCE_KEY = '/zonewright/nonce';
const SERVERS = '/registry/masterleases/';
let etcd: TestEtcd;
before(async () => {
  etcd = await startEtcd();
});
after(() => etcd.stop());

const checks = () => restoredChecks(etcd.access);
const mark = (name: string) => inActivity(() => checks()['etcd.mark']({ mark: name }));

async function nonce(value: string) {
  const { header } = await etcd.client.put(NONCE_KEY).value(value);
  return { key: NONCE_KEY, value, revision: header.revision };
}

test('a mark is left once, whatever else is written in between; that of another operation replaces it', async () => {
  const first = await mark('restore-1');
  const { header } = await etcd.client.put('/registry/pods/a').value('something');
  assert.deepEqual(await mark('restore-1'), first);
  const second = await mark('restore-2');
  assert.ok(BigInt(second.revision) > BigInt(header.revision));
  assert.deepEqual(await mark('restore-2'), second);
});

test('an etcd that holds what was written after the backup, or not what the backup holds, is refused', async () => {
  const written = await nonce('value');
  await mark('restore-3');
  const look = (input: object) =>
    inActivity(() => checks()['etcd.restored']({ nonce: written, servers: [], ...input }));
  await assert.rejects(look({ mark: 'restore-3' }), /holds what was written after the backup/);
  await assert.rejects(look({ nonce: { ...written, value: 'other' } }), /does not hold what the backup does/);
  await assert.rejects(look({ nonce: { ...written, revision: '1' } }), /does not hold what the backup does/);
  assert.deepEqual((await look({ mark: 'restore-4' })).stale, []);
});

test('API servers that are gone are taken from those that serve', async () => {
  const written = await nonce('value');
  for (const address of ['10.0.0.1', '10.0.0.2']) await etcd.client.put(SERVERS + address).value('it');
  const look = () => inActivity(() => checks()['etcd.restored']({ nonce: written, servers: ['10.0.0.2'] }));
  assert.deepEqual((await look()).stale, ['10.0.0.1']);
  assert.deepEqual((await look()).stale, []);
  assert.deepEqual(await etcd.client.getAll().prefix(SERVERS).keys(), [`${SERVERS}10.0.0.2`]);
});
