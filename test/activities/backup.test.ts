import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { backupChecks } from '../../activities/checks/backup.ts';
import { backupsChecks } from '../../activities/checks/backups.ts';
import { hashAt, keysAt } from '../../activities/etcd/state.ts';
import { putObject } from '../../activities/cloud/objects.ts';
import { backupKeys, type ProofRecord, type SnapshotRecord } from '../../domain/etcd/backup.ts';
import { differencesOf } from '../../domain/etcd/proof.ts';
import { startCloud, type Cloud } from './emulator.ts';
import { startEtcd, type TestEtcd } from './etcd-fixture.ts';
import { inActivity, type Attempt } from './run-effect.ts';

const bucket = 'backup-tests';
const signal = new AbortController().signal;

suite('backups of etcd, with a real etcd and a real S3 server', () => {
  let cloud: Cloud;
  let etcd: TestEtcd;
  let good: SnapshotRecord;
  before(async () => {
    [cloud, etcd] = await Promise.all([startCloud(), startEtcd()]);
    await cloud.bucket(bucket);
    for (let n = 0; n < 400; n++) await etcd.client.put(`key-${n % 150}`).value(`value ${n} `.repeat(200));
    await etcd.client.kv.compact({ revision: '100' });
    good = await backup('good');
  });
  after(async () => {
    await etcd?.stop();
    await cloud?.stop();
  });

  const checks = () => backupChecks(etcd.access, { s3: cloud.clients.s3, scratch: etcd.scratch });
  const inputOf = (name: string) => ({ bucket, folder: `zones/zone03/backups/${name}/`, backup: name });
  const backup = (name: string, attempt?: Attempt): Promise<SnapshotRecord> =>
    inActivity(() => checks()['etcd.snapshot'](inputOf(name)), attempt);
  const prove = (name: string): Promise<ProofRecord> =>
    inActivity(() => checks()['etcd.prove']({ ...inputOf(name), operation: `prove-${name}` }));
  const read = async ({ key, versionId }: Pick<SnapshotRecord, 'key' | 'versionId'>): Promise<Buffer> => {
    const command = new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId });
    return Buffer.from((await (await cloud.clients.s3.send(command)).Body?.transformToByteArray()) ?? []);
  };

  /** A backup like the good one, but for what is in its object and what its record says. */
  async function forged(
    name: string,
    body: Buffer,
    change: Partial<SnapshotRecord> = {},
  ): Promise<ProofRecord> {
    const keys = backupKeys(inputOf(name).folder);
    const Key = keys.snapshot('1-1');
    const put = new PutObjectCommand({ Bucket: bucket, Key, Body: body });
    const { VersionId = 'null' } = await cloud.clients.s3.send(put);
    const record = { ...good, backup: name, key: Key, versionId: VersionId, ...change };
    await putObject(cloud.clients.s3, { bucket, key: keys.record }, JSON.stringify(record), undefined, {
      signal,
    });
    return prove(name);
  }
  /** Somebody who can write the record as well: only what is inside the snapshot tells. */
  const consistent = (body: Buffer) => ({
    bytes: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
  });
  const differs = ({ verdict, checks: all }: ProofRecord, ...expected: RegExp[]): void => {
    assert.equal(verdict, 'not proven');
    for (const one of expected) assert.match(differencesOf(all), one);
  };

  test('what is stored is whole, is what S3 says it is, and is proven with hash and key count', async () => {
    const body = await read(good);
    assert.equal(createHash('sha256').update(body).digest('hex'), good.sha256);
    assert.equal(body.length, good.bytes);
    assert.match(good.partsSha256, /^[A-Za-z0-9+/]{43}=-1$/);
    assert.deepEqual(good.hashes, [await hashAt(etcd.client, good.nonce.revision)]);
    assert.equal(good.keys, await keysAt(etcd.client, good.nonce.revision));
    assert.equal(good.keys, '151');
    const proof = await prove('good');
    assert.deepEqual(
      proof.checks.map(({ check, outcome }) => [check.split(' ')[0], outcome]),
      ['size', 'SHA-256', 'revision', 'nonce', 'keys', 'HashKV'].map((check) => [check, 'same']),
    );
    assert.equal(proof.verdict, 'proven');
    assert.deepEqual(leftInScratch(), []);
  });

  test('the same backup asked for again is the one that is there', async () => {
    assert.deepEqual(await backup('good', { attempt: 2 }), good);
  });

  test('truncated: the hash tells, and etcd refuses it even where the record was changed too', async () => {
    const body = (await read(good)).subarray(0, good.bytes - 5_000);
    differs(await forged('truncated', body), /size: it is \d+/, /SHA-256: it is/, /etcdutl refuses it/);
    differs(
      await forged('truncated-2', body, consistent(body)),
      /^restore: etcdutl refuses it: .*hash|sha256/,
    );
  });

  test('a flipped bit', async () => {
    const body = await read(good);
    body[Math.floor(body.length / 2)]! ^= 1;
    differs(await forged('flipped', body), /SHA-256: it is/, /etcdutl refuses it/);
    differs(await forged('flipped-2', body, consistent(body)), /^restore: etcdutl refuses it: /);
  });

  test("without etcd's trailer", async () => {
    const body = (await read(good)).subarray(0, good.bytes - 32);
    differs(await forged('bare', body), /size/, /SHA-256/, /etcdutl refuses it/);
    differs(await forged('bare-2', body, consistent(body)), /^restore: etcdutl refuses it: .*hash/);
  });

  test('empty', async () => {
    const body = Buffer.alloc(0);
    differs(await forged('empty', body), /size: it is 0/, /SHA-256/, /restore: etcdutl refuses it/);
    differs(
      await forged('empty-2', body, { sha256: consistent(body).sha256 }),
      /restore: etcdutl refuses it/,
    );
  });

  test('pages changed with a recomputed trailer: HashKV tells', async () => {
    const body = (await read(good)).subarray(0, good.bytes - 32);
    const at = body.indexOf('value 399 ');
    assert.ok(at > 0);
    // Every copy: the tree is copied on write, and only one of its pages is in use.
    for (let from = at; from >= 0; from = body.indexOf('value 399 ', from + 1)) body.write('VALUE', from);
    const whole = Buffer.concat([body, createHash('sha256').update(body).digest()]);
    differs(
      await forged('changed', whole),
      /^SHA-256: it is [^;]*; HashKV at revision \d+, compacted to 100: it is/,
    );
    differs(await forged('changed-2', whole, consistent(whole)), /^HashKV at revision \d+/);
  });

  test('an older one in its place: the nonce tells', async () => {
    const older = await read(good);
    await etcd.client.put('later').value('yes');
    const newer = await backup('newer');
    const { key: _key, versionId: _version, backup: _backup, ...facts } = newer;
    differs(
      await forged('older', older, facts),
      /SHA-256/,
      /revision: it is \d+, expected \d+/,
      /nonce: it is/,
    );
    differs(
      await forged('older-2', older, { ...facts, ...consistent(older) }),
      /^revision: it is/,
      /nonce: /,
    );
    assert.equal((await prove('newer')).verdict, 'proven');
  });

  test('one of another etcd in its place', async () => {
    const other = await startEtcd();
    try {
      for (let n = 0; n < 900; n++) await other.client.put(`key-${n}`).value('of another zone');
      const theirs = await inActivity(() =>
        backupChecks(other.access, { s3: cloud.clients.s3, scratch: other.scratch })['etcd.snapshot'](
          inputOf('theirs'),
        ),
      );
      const body = await read(theirs);
      differs(await forged('foreign', body), /SHA-256/, /revision/, /nonce/, /keys at/);
      differs(await forged('foreign-2', body, consistent(body)), /^revision/, /nonce/, /keys at/);
    } finally {
      await other.stop();
    }
  });

  test('a version that is not there', async () => {
    const proof = await forged('missing', Buffer.from('x'), { versionId: '01ARZ3NDEKTSV4RRFFQ69G5FAV' });
    differs(proof, /^object: version 01ARZ3NDEKTSV4RRFFQ69G5FAV of ".*" is not there$/);
  });

  test('several parts: one that is throttled is sent again, one that cannot be sent ends the attempt', async () => {
    for (let n = 0; n < 24; n++) await etcd.client.put(`large-${n}`).value('x'.repeat(1_000_000));
    const struck = { service: 's3', action: 'UploadPart' };
    const said: string[] = [];
    const onHeartbeat = (details: unknown) =>
      said.push((details as { progress?: string } | undefined)?.progress ?? '');
    await cloud.front.fault({ match: { ...struck, nth: 2, times: 2 }, effect: { kind: 'throttle' } });
    const whole = await backup('large', { onHeartbeat });
    await cloud.front.clearFaults();
    assert.match(whole.partsSha256, /-[3-9]$/);
    assert.equal((await prove('large')).verdict, 'proven');
    assert.ok(
      said.some((one) => /^\d+\.\d MB of about \d+\.\d MB stored$/.test(one)),
      said.join(),
    );
    const denied = { kind: 'error', code: 'AccessDenied', status: 403 } as const;
    await cloud.front.fault({ match: { ...struck, nth: 3 }, effect: denied });
    await assert.rejects(backup('refused'), { type: 'CloudRefused' });
    await cloud.front.clearFaults();
    assert.deepEqual(await uploadsOf('refused'), []);
  });

  test('what attempts that died left is removed: uploads that they began, objects that nobody wrote down', async () => {
    const Key = backupKeys(inputOf('dead').folder).snapshot('1-1');
    const begun = await cloud.clients.s3.send(
      new CreateMultipartUploadCommand({ Bucket: bucket, Key, ChecksumAlgorithm: 'SHA256' }),
    );
    assert.deepEqual(await uploadsOf('dead'), [begun.UploadId]);
    const record = await backup('dead', { attempt: 2 });
    assert.match(record.attempt, /-2$/);
    const stray = backupKeys(inputOf('dead').folder).snapshot('1-3');
    await cloud.clients.s3.send(
      new PutObjectCommand({ Bucket: bucket, Key: stray, Body: 'complete, but late' }),
    );
    const { folder } = inputOf('dead');
    const tidy = () => inActivity(() => backupsChecks(cloud.clients)['backup.tidy']({ bucket, folder }));
    assert.deepEqual(await tidy(), { ended: 1, deleted: 1 });
    assert.deepEqual(await tidy(), { ended: 0, deleted: 0 });
    assert.deepEqual(await uploadsOf('dead'), []);
    assert.equal((await prove('dead')).verdict, 'proven');
  });

  test('of two attempts that overlap the first record counts, for both', async () => {
    const [one, other] = await Promise.all([
      backup('twice', { attempt: 1 }),
      backup('twice', { attempt: 2 }),
    ]);
    const [first] = [one, other];
    assert.equal(first.attempt, other.attempt);
    assert.equal((await prove('twice')).verdict, 'proven');
  });

  test('nothing healthy to take it from: it waits and says of each member why', async () => {
    const nobody = { ...etcd.access, endpoints: ['https://127.0.0.1:1'] };
    const take = backupChecks(nobody, { s3: cloud.clients.s3, scratch: etcd.scratch })['etcd.snapshot'];
    await assert.rejects(
      inActivity(() => take(inputOf('nobody'))),
      { type: 'NotYet', message: /waiting for etcd at https:\/\/127.0.0.1:1/ },
    );
  });

  const uploadsOf = async (name: string): Promise<unknown[]> => {
    const Prefix = inputOf(name).folder;
    const { Uploads = [] } = await cloud.clients.s3.send(
      new ListMultipartUploadsCommand({ Bucket: bucket, Prefix }),
    );
    return Uploads.map(({ UploadId }) => UploadId);
  };

  test('a worker that was killed leaves nothing that the next proof does not remove', async () => {
    const own = join(etcd.scratch.folder, 'proof-999999-12345-abcdef');
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, 'snapshot.db'), 'secret');
    assert.equal((await prove('good')).verdict, 'proven');
    assert.deepEqual(leftInScratch(), []);
  });

  const leftInScratch = (): string[] => readdirSync(etcd.scratch.folder);
});
