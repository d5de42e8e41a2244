/** Every director of a zone signs service account tokens with the same key, and nobody else can read it. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { sealForMachine } from '../../activities/pki/seal-for-machine.ts';
import { ensureKey, publicHalf, signingRequest } from '../../agents/host/key-pairs.ts';
import { openSealed } from '../../agents/host/open-sealed.ts';
import { ensureServiceAccountKey } from '../../agents/join/certificates.ts';
import { AUTHORITY_IDS, SERVICE_ACCOUNT_KEY } from '../../domain/pki/authorities.ts';
import { certificateProfiles } from '../../domain/pki/profiles.ts';
import { DOMAIN, machineConfig, makeRoot, memoryStore, nodeFacts, SERVICE_CIDR } from './machine-fixture.ts';

const { path, sealedFor, id } = SERVICE_ACCOUNT_KEY;
const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 3072,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

async function director() {
  const machine = makeRoot(machineConfig('director'));
  const facts = {
    ...nodeFacts(),
    domain: DOMAIN,
    role: 'director' as const,
    slot: 0,
    serviceCidr: SERVICE_CIDR,
  };
  const profile = certificateProfiles(facts).find((each) => each.id === sealedFor);
  assert.ok(profile);
  const keyPem = await ensureKey(machine.files, profile.path, 'root');
  return { ...machine, profile, keyPem, csrPem: signingRequest(keyPem, profile.id) };
}

const answer = (csrPem: string): string =>
  JSON.stringify({
    certificates: {},
    authorities: Object.fromEntries(AUTHORITY_IDS.map((authority) => [authority, ''])),
    serviceAccountKey: sealForMachine(csrPem, id, privateKey),
  });

test('two directors end up with the same key, 0600, and publish its public half', async () => {
  for (const machine of [await director(), await director()]) {
    const store = memoryStore();
    const text = answer(machine.csrPem);
    assert.ok(!text.includes('PRIVATE KEY'));
    store.objects.set(store.keys.certificates, text);
    await ensureServiceAccountKey(machine.files, store, machine.profile);
    assert.equal(machine.files.read(`${path}.key`), privateKey);
    assert.equal(machine.files.read(`${path}.pub`), publicHalf(privateKey));
    assert.equal(statSync(machine.files.at(`${path}.key`)).mode & 0o777, 0o600);
    assert.equal(store.objects.get(store.keys.serviceAccountPublicKey), publicHalf(privateKey));
    // At the next boot it stays, whatever lies in the store by then.
    store.objects.delete(store.keys.certificates);
    await ensureServiceAccountKey(machine.files, store, machine.profile);
    assert.equal(machine.files.read(`${path}.key`), privateKey);
    machine.remove();
  }
});

test('what was sealed for another machine, or for another purpose, does not open', async () => {
  const [mine, other] = [await director(), await director()];
  const sealed = sealForMachine(mine.csrPem, id, privateKey);
  assert.equal(openSealed(sealed, id, mine.keyPem), privateKey);
  assert.throws(() => openSealed(sealed, id, other.keyPem), /Cannot open "service-account"/);
  assert.throws(() => openSealed(sealed, 'another', mine.keyPem), /Cannot open "another"/);
  const store = memoryStore();
  store.objects.set(store.keys.certificates, answer(other.csrPem));
  await assert.rejects(
    ensureServiceAccountKey(mine.files, store, mine.profile),
    /it was not sealed for this machine/,
  );
  for (const machine of [mine, other]) machine.remove();
});

test('in a zone whose authorities do not keep it, the only director makes it', async () => {
  const machine = await director();
  const store = memoryStore();
  await ensureServiceAccountKey(machine.files, store, machine.profile);
  const made = machine.files.read(`${path}.key`) ?? '';
  assert.equal(store.objects.get(store.keys.serviceAccountPublicKey), publicHalf(made));
  machine.remove();
});
