import { DecryptCommand } from '@aws-sdk/client-kms';
import { GetObjectCommand, ListObjectVersionsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import forge from 'node-forge';
import { signingRequest as requestOf } from '../../agents/host/key-pairs.ts';
import { openSealed } from '../../agents/host/open-sealed.ts';
import { authorityEffect } from '../../activities/authority.ts';
import { bakeChecks } from '../../activities/checks/bake.ts';
import { storeChecks } from '../../activities/checks/store.ts';
import { stepToken } from '../../activities/effect.ts';
import { machineCertificatesEffect } from '../../activities/machine-certificates.ts';
import { storeDocumentEffect } from '../../activities/store-document.ts';
import { machineCertificatesSchema, machineKeys } from '../../domain/machine-config.ts';
import { AUTHORITY_IDS, SERVICE_ACCOUNT_KEY } from '../../domain/pki/authorities.ts';
import { profileIds } from '../../domain/pki/profiles.ts';
import { ownerTags, type Owner } from '../../domain/resources/resource.ts';
import { startCloud, type Cloud } from './emulator.ts';
import { effectRunner, inActivity, SETTINGS, someOwner } from './run-effect.ts';

const signal = new AbortController().signal;
const contextOf = (owner: Owner, attempt: number) => ({
  owner,
  token: stepToken(owner),
  tags: ownerTags(owner, attempt),
  signal,
});

suite('effects of the zone store', () => {
  let cloud: Cloud;
  let bucket: string;

  before(async () => {
    cloud = await startCloud();
    bucket = await cloud.bucket('zone-store');
  });
  after(() => cloud.stop());

  const versionCount = async (Prefix: string) => {
    const command = new ListObjectVersionsCommand({ Bucket: bucket, Prefix });
    const { Versions = [], DeleteMarkers = [] } = await cloud.clients.s3.send(command);
    return Versions.length + DeleteMarkers.length;
  };
  const put = (Key: string, Body: string) =>
    cloud.clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));

  test('a document is written once and deleted without a trace', async () => {
    const effect = storeDocumentEffect(cloud.clients, { bucket });
    const documents = effectRunner('store-document', effect);
    const plan = { bucket, key: 'zones/zone03/claim.json', content: { zone: 'zone03', index: [3] } };
    const input = { owner: someOwner('claim'), plan };
    const ref = await documents.create(input);
    assert.deepEqual(await documents.create(input, { attempt: 2 }), ref);
    await assert.rejects(documents.create({ owner: someOwner('claim'), plan }), /not made by this operation/);
    const other = { ...input, plan: { ...plan, content: {} } };
    await assert.rejects(documents.create(other), /its content is not as planned/);
    await documents.delete(other);
    assert.equal((await documents.describe(input)).length, 1);
    assert.ok(effect.leftovers !== 'with its parent');
    const scope = { zone: 'zone03', environment: 'prod.example.com' };
    assert.deepEqual(
      (await effect.leftovers(scope, { signal })).map(({ id, operation }) => [id, operation]),
      [[plan.key, input.owner.operation]],
    );
    await documents.delete(input);
    await documents.delete(input);
    assert.equal(await versionCount('zones/zone03/claim'), 0);
  });

  test('an authority is made once; one write decides, and a crash after it is completed', async () => {
    const effect = authorityEffect(cloud.clients, { bucket });
    const authorities = effectRunner('authority', effect);
    const plan = { bucket, prefix: 'zones/zone04/pki', profile: 'etcd', zone: 'zone04.prod.example.com' };
    const input = { owner: someOwner('pki/etcd'), plan };
    const half = await effect.create(plan, contextOf(input.owner, 1));
    const key = 'zones/zone04/pki/etcd/certificate.pem';
    assert.equal(half.id, key);
    assert.deepEqual(await authorities.create(input, { attempt: 2 }), half);
    assert.deepEqual(await authorities.create(input), half);
    const { Body } = await cloud.clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    const certificate = new X509Certificate((await Body?.transformToString()) ?? '');
    assert.equal(certificate.fingerprint256, half.fingerprint);
    assert.match(certificate.subject, /O=zone04.prod.example.com\nCN=etcd-ca/);
    const sealedKey = new GetObjectCommand({ Bucket: bucket, Key: 'zones/zone04/pki/etcd/key.sealed' });
    const sealed = (await (await cloud.clients.s3.send(sealedKey)).Body?.transformToString()) ?? '';
    assert.doesNotMatch(sealed, /PRIVATE KEY/);
    const CiphertextBlob = Buffer.from(JSON.parse(sealed).key.dataKey, 'base64');
    const decrypt = new DecryptCommand({ CiphertextBlob, EncryptionContext: { place: 'elsewhere' } });
    await assert.rejects(cloud.clients.kms.send(decrypt));
    const scope = { operation: input.owner.operation };
    assert.ok(effect.leftovers !== 'with its parent');
    assert.deepEqual(
      (await effect.leftovers(scope, { signal })).map(({ id }) => id),
      [key],
    );
    await authorities.delete(input);
    await authorities.delete(input);
    assert.equal(await versionCount('zones/zone04/pki'), 0);
  });

  test('a certificate whose key is missing is refused, and stays', async () => {
    const authorities = effectRunner('authority', authorityEffect(cloud.clients, { bucket }));
    const plan = { bucket, prefix: 'zones/zone05/pki', profile: 'etcd', zone: 'zone05.prod.example.com' };
    const input = { owner: someOwner('pki/etcd'), plan };
    const { id } = await authorities.create(input);
    const { Body } = await cloud.clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: id }));
    const pem = (await Body?.transformToString()) ?? '';
    await authorities.delete(input);
    await put(id, pem);
    await assert.rejects(authorities.create(input), /its certificate exists, its key does not/);
    await authorities.delete(input);
    assert.equal(await versionCount(id), 1);
  });

  test('a machine gets its certificates once all its requests are there, the same in every attempt', async () => {
    const authorities = effectRunner('authority', authorityEffect(cloud.clients, { bucket }));
    const prefix = 'zones/zone06/pki';
    for (const profile of AUTHORITY_IDS) {
      const plan = { bucket, prefix, profile, zone: 'zone06.prod.example.com' };
      await authorities.create({ owner: someOwner(`pki/${profile}`), plan });
    }
    const effect = machineCertificatesEffect(cloud.clients, { bucket, pollMs: SETTINGS.pollMs });
    const certificates = effectRunner('machine-certificates', effect);
    const facts = {
      domain: 'zone06.prod.example.com',
      role: 'worker' as const,
      slot: 0,
      instanceId: 'i-0123456789abcdef0',
      privateIp: '172.16.0.70',
      serviceCidr: '10.96.0.0/16',
    };
    const plan = {
      bucket,
      storePrefix: '',
      authorities: prefix,
      roleId: 'AROATEST',
      instanceId: facts.instanceId,
      role: 'worker' as const,
      facts,
    };
    const input = { owner: someOwner('certificates'), plan };
    const keys = machineKeys(`${plan.roleId}:${plan.instanceId}`);
    const [first = '', ...others] = profileIds('worker');
    await put(keys.request(first), signingRequest());
    await assert.rejects(certificates.create(input), (error: Error & { type?: string }) => {
      assert.equal(error.type, 'NotYet');
      assert.match(error.message, new RegExp(`signing requests ${others.join(', ')} of instance`));
      return true;
    });
    for (const id of others) await put(keys.request(id), signingRequest());
    const ref = await certificates.create(input, { attempt: 2 });
    assert.equal(ref.id, keys.certificates);
    assert.deepEqual(await certificates.create(input), ref);
    assert.equal(new Set(ref.serials).size, profileIds('worker').length);
    const { Body } = await cloud.clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: ref.id }));
    const document = machineCertificatesSchema.parse(JSON.parse((await Body?.transformToString()) ?? ''));
    const kubelet = new X509Certificate(document.certificates['kubelet-client'] ?? '');
    assert.ok(kubelet.verify(new X509Certificate(document.authorities.kubernetes).publicKey));
    assert.match(kubelet.subject, /O=system:nodes\nCN=system:node:i-0123456789abcdef0.worker.zone.local/);
    await certificates.delete(input);
    await certificates.delete(input);
    assert.equal(await versionCount(`machines/AROATEST`), 0);
    assert.deepEqual(
      await effect.create(plan, contextOf(input.owner, 3)).catch((e: Error) => e.name),
      'NotYet',
    );
  });

  test('a director gets the key of service accounts with its certificates, sealed for itself', async () => {
    const authorities = effectRunner('authority', authorityEffect(cloud.clients, { bucket }));
    const [prefix, domain] = ['zones/zone08/pki', 'zone08.prod.example.com'];
    for (const profile of [...AUTHORITY_IDS, SERVICE_ACCOUNT_KEY.id])
      await authorities.create({
        owner: someOwner(`pki/${profile}`),
        plan: { bucket, prefix, profile, zone: domain },
      });
    const effect = machineCertificatesEffect(cloud.clients, { bucket, pollMs: SETTINGS.pollMs });
    const certificates = effectRunner('machine-certificates', effect);
    const opened: string[] = [];
    for (const [slot, instanceId] of ['i-0123456789abcdef1', 'i-0123456789abcdef2'].entries()) {
      const facts = {
        ...{ domain, role: 'director' as const, slot, instanceId },
        ...{ privateIp: `172.16.0.${70 + slot}`, serviceCidr: '10.96.0.0/16' },
      };
      const plan = {
        ...{ bucket, storePrefix: '', authorities: prefix, roleId: 'AROADIRECTOR' },
        ...{ instanceId, role: 'director' as const, facts },
      };
      const keys = machineKeys(`AROADIRECTOR:${instanceId}`);
      const { privateKey } = generateKeyPairSync('rsa', {
        modulusLength: 2048,
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      });
      for (const id of profileIds('director')) await put(keys.request(id), requestOf(privateKey, id));
      const { id } = await certificates.create({ owner: someOwner(`certificates-${slot}`), plan });
      const { Body } = await cloud.clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: id }));
      const text = (await Body?.transformToString()) ?? '';
      assert.ok(!text.includes('PRIVATE KEY'));
      const { serviceAccountKey } = machineCertificatesSchema.parse(JSON.parse(text));
      assert.ok(serviceAccountKey);
      opened.push(openSealed(serviceAccountKey, SERVICE_ACCOUNT_KEY.id, privateKey));
    }
    assert.match(opened[0] ?? '', /BEGIN PRIVATE KEY/);
    assert.equal(opened[0], opened[1]);
  });

  const checks = () => storeChecks(cloud.clients, { bucket, pollMs: 10 });

  test('a document is replaced only by who knows its version; a repeat is no conflict', async () => {
    const name = { bucket, key: 'zones/zone07/state.json' };
    const write = (content: unknown, ifVersion?: string) =>
      inActivity(() =>
        checks()['store.put']({ ...name, content, ...(ifVersion === undefined ? {} : { ifVersion }) }),
      );
    await assert.rejects(
      inActivity(() => checks()['store.wait'](name)),
      { type: 'NotYet' },
    );
    assert.equal(await inActivity(() => checks()['store.read'](name)), undefined);
    const first = await write({ n: 1 });
    assert.deepEqual(await write({ n: 1 }), first);
    await assert.rejects(write({ n: 2 }), { type: 'Conflict' });
    const second = await write({ n: 2 }, first.versionId);
    assert.deepEqual(await write({ n: 2 }, first.versionId), second);
    await assert.rejects(write({ n: 3 }, first.versionId), { type: 'Conflict' });
    const read = await inActivity(() => checks()['store.wait'](name));
    assert.deepEqual(read, { content: { n: 2 }, versionId: second.versionId });
    assert.deepEqual(await inActivity(() => checks()['store.version'](name)), second);
  });

  test('a document that no history could carry is refused', async () => {
    const name = { bucket, key: 'zones/zone07/large.json' };
    await put(name.key, JSON.stringify('x'.repeat(40_000)));
    await assert.rejects(
      inActivity(() => checks()['store.read'](name)),
      /it has 40002 bytes, expected at most 32768/,
    );
  });

  test('records of an operation are numbered, written once, and repeated without harm', async () => {
    const write = (content: unknown) =>
      inActivity(() => checks()['record.write']({ operation: 'create-zone03.0a1b2c3d', content }));
    const key = 'operations/create-zone03.0a1b2c3d/1.json';
    assert.deepEqual(await write({ outcome: 'done' }), { key });
    assert.deepEqual(await write({ outcome: 'done' }), { key });
    assert.deepEqual(await write({ outcome: 'kept' }), { key: key.replace('1.json', '2.json') });
  });

  test('a builder that says no, or nothing, has failed and its console is kept', async () => {
    const { result } = {
      result: (key: string) =>
        inActivity(() =>
          bakeChecks(cloud.clients)['bake.result']({
            bucket,
            key,
            instanceId: 'i-00000000000000000',
            consoleKey: 'bakes/1/console.txt',
          }),
        ),
    };
    await put('bakes/1/a/result.json', JSON.stringify({ ok: true, seconds: 12 }));
    assert.deepEqual(await result('bakes/1/a/result.json'), { ok: true, seconds: 12 });
    const failed = { ok: false, seconds: 3, error: 'install.sh failed', lastLines: ['E: no such package'] };
    await put('bakes/1/b/result.json', JSON.stringify(failed));
    await assert.rejects(result('bakes/1/b/result.json'), (error: Error & { type?: string }) => {
      assert.equal(error.type, 'MachineFailed');
      assert.match(error.message, /install.sh failed\nE: no such package/);
      return true;
    });
    await assert.rejects(result('bakes/1/c/result.json'), /powered off without a result/);
    assert.equal(await versionCount('bakes/1/console.txt'), 2);
  });
});

function signingRequest(): string {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const request = forge.pki.createCertificationRequest();
  request.publicKey = forge.pki.publicKeyFromPem(publicKey);
  request.setSubject([{ name: 'commonName', value: 'whoever' }]);
  request.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create());
  return forge.pki.certificationRequestToPem(request);
}
