/** Backups of the shared zone: by hand and by schedule, proven again, damaged in the store and found out. */
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { withAws } from '../../clients/aws.ts';
import { loadContext } from '../../clients/contexts.ts';
import type { Backup } from '../../domain/etcd/catalogue.ts';
import { backupKeys } from '../../domain/etcd/backup.ts';
import { good, json, run } from '../system/person.ts';
import { inside, type Machine } from '../system/machines.ts';
import { sharedZone, ZONE } from './shared-zone.ts';

const SCHEDULE = `backup-${ZONE}`;
interface Done {
  readonly operation: string;
  readonly state: string;
  readonly result: { readonly backup: string; readonly verdict: string; readonly removed: readonly string[] };
}

suite('backups of a zone', () => {
  let border: Machine;
  let first: string;
  before(async () => {
    const found = (await sharedZone()).get('border-0');
    assert.ok(found);
    border = found;
  });
  after(async () => {
    await run('schedule', 'rm', SCHEDULE, '--yes');
  });

  const backups = async (): Promise<Backup[]> =>
    (await json<{ backups: Backup[] }>('etcd', 'backups', ZONE)).backups;

  test('a backup is streamed, proven, listed, and leaves nothing on the border', async () => {
    const { result } = await json<Done>('etcd', 'backup', ZONE, '--reason', 'test');
    first = result.backup;
    assert.equal(result.verdict, 'proven');
    const listed = (await backups()).find(({ backup }) => backup === first);
    assert.equal(listed?.state, 'proven');
    const checks = listed.proofs[0]?.checks.map(({ check, outcome }) => [check.split(' ')[0], outcome]);
    assert.deepEqual(
      checks,
      ['size', 'SHA-256', 'revision', 'nonce', 'keys', 'HashKV'].map((check) => [check, 'same']),
    );
    assert.equal((await inside(border, 'ls', '/var/cache/zonewright-worker')).trim(), '');
    assert.doesNotMatch(await inside(border, 'ps', '-eo', 'args'), /etcd --name=proof/);
  });

  test('a schedule runs it without asking anybody; retention leaves the newest proven one', async () => {
    await good(
      'etcd',
      'backup',
      ZONE,
      '--every',
      '6h',
      '--keep-last',
      '1',
      '--keep-hourly',
      '0',
      '--keep-daily',
      '0',
      '--keep-weekly',
      '0',
    );
    const { schedules } = await json<{ schedules: { id: string; everyMs: number; paused: boolean }[] }>(
      'schedule',
      'list',
    );
    assert.deepEqual(
      schedules.filter(({ id }) => id === SCHEDULE).map(({ everyMs, paused }) => [everyMs, paused]),
      [[6 * 3_600_000, false]],
    );
    await good('schedule', 'pause', SCHEDULE, '--reason', 'a test');
    assert.equal((await run('schedule', 'pause', SCHEDULE)).code, 3);
    const { operation, result } = await json<Done>('schedule', 'trigger', SCHEDULE);
    assert.match(operation, new RegExp(`^${SCHEDULE}-\\d{4}-`));
    assert.ok(result.removed.includes(first), result.removed.join());
    assert.deepEqual(
      (await backups()).map(({ backup, claim }) => [backup, claim?.actor]),
      [[result.backup, `schedule:${SCHEDULE}`]],
    );
    await good('schedule', 'resume', SCHEDULE);
    assert.equal((await run('schedule', 'resume', SCHEDULE)).code, 3);
  });

  test('what was damaged since is found out, and not restored from', async () => {
    const [latest] = await backups();
    assert.ok(latest?.snapshot);
    await withAws(loadContext('sandbox'), async ({ s3 }) => {
      const Bucket = loadContext('sandbox').store.bucket;
      const { key: Key, versionId: VersionId } = latest.snapshot!;
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, VersionId }));
      const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
      bytes[bytes.length >> 1]! ^= 1;
      const put = await s3.send(new PutObjectCommand({ Bucket, Key, Body: bytes }));
      const record = JSON.stringify({ ...latest.snapshot, versionId: put.VersionId });
      await s3.send(new PutObjectCommand({ Bucket, Key: backupKeys(latest.folder).record, Body: record }));
    });
    const proof = await run('etcd', 'prove', ZONE, latest.backup, '--json');
    assert.equal(proof.code, 1);
    assert.match(proof.stdout, /is not proven: SHA-256: it is [0-9a-f]{64}, expected .*etcdutl refuses it/);
    const refused = await run('etcd', 'restore', ZONE, latest.backup, '--yes');
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /it is damaged, expected a proven one/);
    assert.equal((await run('etcd', 'restore', ZONE, 'latest', '--yes')).code, 2);
  });

  test('bad input starts nothing', async () => {
    const cases: readonly (readonly [number, RegExp, ...string[]])[] = [
      [2, /Cannot find zone "zone99"/, 'etcd', 'backup', 'zone99'],
      [2, /Cannot back up every/, 'etcd', 'backup', ZONE, '--every', '1m'],
      [2, /whole number from 0/, 'etcd', 'backup', ZONE, '--keep-last', '-1'],
      [2, /there is none of this name/, 'etcd', 'prove', ZONE, 'nosuch'],
      [2, /Cannot find schedule "nosuch"/, 'schedule', 'trigger', 'nosuch'],
    ];
    for (const [code, message, ...args] of cases) {
      const said = await run(...args);
      assert.equal(said.code, code, args.join(' '));
      assert.match(said.stderr, message);
    }
  });
});
