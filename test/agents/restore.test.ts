/** A director that begins with a snapshot: the join's own code, real etcdutl, a real etcd on what comes out. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withRestored, withScratchFolder } from '../../activities/etcd/scratch.ts';
import type { JoinMachine } from '../../agents/join/join.ts';
import { JoinReport } from '../../agents/join/report.ts';
import { restoreEtcd } from '../../agents/join/restore.ts';
import { machineConfigSchema } from '../../domain/machine-config.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';
import { startEtcd, type TestEtcd } from '../activities/etcd-fixture.ts';
import { machineConfig, makeRoot, memoryStore, nodeFacts, type MemoryStore } from './machine-fixture.ts';

suite('restore at boot', () => {
  let etcd: TestEtcd;
  let snapshot: Buffer;
  let revision: number;
  let root: ReturnType<typeof makeRoot>;
  let store: MemoryStore;
  before(async () => {
    etcd = await startEtcd();
    for (let n = 0; n < 20; n++) await etcd.client.put(`/registry/${n}`).value(`value ${n}`);
    revision = Number((await etcd.client.put('/registry/last').value('yes')).header.revision);
    const file = join(etcd.folder, 'snapshot.db');
    const { caFile, certFile, keyFile, endpoints } = etcd.access;
    const tls = [`--cacert=${caFile}`, `--cert=${certFile}`, `--key=${keyFile}`];
    execFileSync(await obtain('etcdctl'), [...tls, `--endpoints=${endpoints[0]}`, 'snapshot', 'save', file], {
      stdio: 'ignore',
    });
    snapshot = readFileSync(file);
  });
  after(() => etcd?.stop());
  beforeEach((context) => {
    root = makeRoot(machineConfig('director'));
    store = memoryStore();
    if ('after' in context) context.after(() => root.remove());
  });

  const config = (restore?: { sha256: string }) => {
    const given = machineConfig('director');
    const changed = { ...given.cluster.etcd, ...(restore ? { restore } : {}) };
    return machineConfigSchema.parse({ ...given, cluster: { ...given.cluster, etcd: changed } });
  };
  const told = () => ({
    sha256: createHash('sha256').update(snapshot).digest('hex'),
  });
  const machine = async (): Promise<JoinMachine> => ({
    files: root.files,
    systemd: { enable: never, start: never, restart: never, states: never },
    report: new JoinReport('boot-1'),
    readFacts: never,
    openStore: never,
    pollMs: 20,
    healthMs: 1_000,
    etcdutl: await obtain('etcdutl'),
  });
  const restored = async (restore = told()) =>
    restoreEtcd(await machine(), config(restore), nodeFacts(), store);
  const data = (): string => root.files.at('/var/lib/etcd/member');

  test('waits for the snapshot, and begins with it: revisions go on above the old ones, older ones are compacted', async () => {
    const joining = restored();
    await sleep(100);
    assert.ok(!existsSync(data()));
    store.objects.set(store.keys.snapshot, snapshot.toString('base64'));
    await joining;
    assert.ok(!existsSync(root.files.at('/var/lib/etcd/restore.db')));
    const db = join(data(), 'member/snap/db');
    const { revision: now } = JSON.parse(
      execFileSync(await obtain('etcdutl'), ['snapshot', 'status', db, '-w', 'json'], { encoding: 'utf8' }),
    ) as { revision: number };
    assert.ok(now >= revision + 1_000_000, `${now} after ${revision}`);
  });

  test('what was put there is what comes out', () =>
    withScratchFolder(etcd.scratch, async (own) => {
      const file = join(etcd.folder, 'snapshot.db');
      await withRestored(etcd.scratch, own, file, new AbortController().signal, async (client) => {
        assert.equal(await client.get('/registry/last').string(), 'yes');
      });
    }));

  test('another snapshot than the one it was told of is refused', async () => {
    store.objects.set(store.keys.snapshot, snapshot.subarray(1).toString('base64'));
    await assert.rejects(restored(), /the snapshot has SHA-256 [0-9a-f]{64}, expected/);
    assert.ok(!existsSync(data()));
  });

  test('a machine that has begun goes on with what it has; one that was told nothing does nothing', async () => {
    store.objects.set(store.keys.snapshot, snapshot.toString('base64'));
    await restored();
    const before = readFileSync(join(data(), 'member/snap/db'));
    store.objects.set(store.keys.snapshot, Buffer.from('other').toString('base64'));
    await restored();
    assert.ok(before.equals(readFileSync(join(data(), 'member/snap/db'))));
    root.remove();
    root = makeRoot(machineConfig('director'));
    await restoreEtcd(await machine(), config(), nodeFacts(), store);
    assert.ok(!existsSync(data()));
  });
});

const never = (): never => assert.fail('not part of a restore');
