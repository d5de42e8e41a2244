import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import forge from 'node-forge';
import { createAuthority, newSerial, serialFor } from '../../activities/pki/authority.ts';
import {
  existingPair,
  isIssuedFor,
  parseCertificate,
  type KeyPair,
} from '../../activities/pki/certificate.ts';
import { signCsr } from '../../activities/pki/sign-request.ts';
import { ZonewrightError } from '../../domain/errors.ts';
import type { MachineFacts } from '../../domain/pki/facts.ts';
import { certificateProfiles, type CertificateProfile } from '../../domain/pki/profiles.ts';

const facts: MachineFacts = {
  domain: 'zone03.prod.example.com',
  role: 'director',
  slot: 0,
  instanceId: 'i-0123456789abcdef0',
  privateIp: '172.16.0.70',
  serviceCidr: '10.96.0.0/16',
};
const folder = mkdtempSync(join(tmpdir(), 'zonewright-pki-'));
const put = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const openssl = (...args: string[]): string =>
  execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' });
const profile = (id: string, role: MachineFacts['role'] = 'director'): CertificateProfile => {
  const found = certificateProfiles({ ...facts, role }).find((each) => each.id === id);
  assert.ok(found);
  return found;
};

let authority: KeyPair;
let machineKey: string;
let machinePublicKey: string;
let csrPem: string;

/** A request that asks for more than it will get. */
function request(bits: number, commonName: string): { key: string; publicKey: string; csr: string } {
  const keys = generateKeyPairSync('rsa', {
    modulusLength: bits,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const csr = forge.pki.createCertificationRequest();
  csr.publicKey = forge.pki.publicKeyFromPem(keys.publicKey);
  csr.setSubject([{ name: 'commonName', value: commonName }]);
  csr.setAttributes([
    {
      name: 'extensionRequest',
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'evil.example' }] }],
    },
  ]);
  csr.sign(forge.pki.privateKeyFromPem(keys.privateKey), forge.md.sha256.create());
  return { key: keys.privateKey, publicKey: keys.publicKey, csr: forge.pki.certificationRequestToPem(csr) };
}

before(async () => {
  authority = await createAuthority({ commonName: 'kubernetes-ca', organization: facts.domain }, 3650);
  const made = request(2048, 'system:masters');
  [machineKey, machinePublicKey, csrPem] = [made.key, made.publicKey, made.csr];
});
after(() => rmSync(folder, { recursive: true }));

const signed = (id: string, notBefore = new Date()): string =>
  signCsr({ csrPem, profile: profile(id), authority, notBefore, serial: newSerial() });

test('createAuthority() makes an authority that openssl takes as one', () => {
  const path = put('ca.crt', authority.certificatePem);
  const text = openssl('x509', '-in', path, '-noout', '-text');
  assert.match(text, /Subject: O = zone03\.prod\.example\.com, CN = kubernetes-ca/);
  assert.match(text, /CA:TRUE, pathlen:0/);
  assert.match(text, /Certificate Sign, CRL Sign/);
  assert.match(openssl('verify', '-CAfile', path, path), /: OK/);
});

test('signCsr() takes only the public key of a request; subject and names are the profile’s', () => {
  const pem = signed('apiserver');
  const text = openssl('x509', '-in', put('apiserver.crt', pem), '-noout', '-text');
  assert.match(text, /Subject: CN = kube-apiserver\n/);
  assert.match(text, /DNS:kubernetes\.default\.svc\.cluster\.local/);
  assert.match(text, /IP Address:172\.16\.0\.70, IP Address:10\.96\.0\.1, IP Address:127\.0\.0\.1/);
  assert.match(text, /TLS Web Server Authentication\n/);
  assert.doesNotMatch(text, /evil|masters|TLS Web Client/);
  assert.ok(isIssuedFor(pem, machinePublicKey, authority.certificatePem));
});

test('openssl verifies server and client certificates for their purpose, and only for it', () => {
  const ca = put('ca.crt', authority.certificatePem);
  const server = put('server.crt', signed('apiserver'));
  const client = put('client.crt', signed('controller-manager'));
  const verify = (purpose: string, path: string, ...more: string[]): string =>
    openssl('verify', '-x509_strict', '-CAfile', ca, '-purpose', purpose, ...more, path);
  assert.match(verify('sslserver', server, '-verify_hostname', 'director.zone.local'), /: OK/);
  assert.match(verify('sslserver', server, '-verify_ip', '172.16.0.70'), /: OK/);
  assert.match(verify('sslclient', client), /: OK/);
  assert.throws(() => verify('sslclient', server));
  assert.throws(() => verify('sslserver', client));
  assert.throws(() => verify('sslserver', server, '-verify_ip', '172.16.0.71'));
});

test('signCsr() gives the same bytes for the same request, serial and time', () => {
  const parts = { csrPem, profile: profile('scheduler'), authority, notBefore: new Date(1_700_000_000_999) };
  const serial = serialFor('i-0123456789abcdef0', 'scheduler', csrPem);
  assert.equal(signCsr({ ...parts, serial }), signCsr({ ...parts, serial }));
  assert.equal(parseCertificate(signCsr({ ...parts, serial })).serial, serial);
  assert.notEqual(serial, serialFor('i-0123456789abcdef1', 'scheduler', csrPem));
});

test('signCsr() refuses a request signed with another key, a weak key, and what is no request', () => {
  const other = request(2048, 'x');
  const stolen = forge.pki.certificationRequestFromPem(other.csr);
  stolen.publicKey = forge.pki.publicKeyFromPem(machinePublicKey);
  // Makes forge encode the request anew, with the key put in above and the old signature.
  stolen.certificationRequestInfo = null;
  const cases = [
    [forge.pki.certificationRequestToPem(stolen), /signed with its own RSA key/],
    [request(1024, 'x').csr, /1024 bits, expected 2048 to 4096/],
    ['-----BEGIN NOTHING-----', /expected a PKCS #10 request/],
  ] as const;
  for (const [csr, message] of cases) {
    assert.throws(
      () =>
        signCsr({
          csrPem: csr,
          profile: profile('scheduler'),
          authority,
          notBefore: new Date(),
          serial: '01',
        }),
      (error) =>
        error instanceof ZonewrightError && error.type === 'MachineFailed' && message.test(error.message),
    );
  }
});

test('serials that X.509 does not allow are refused', () => {
  for (const serial of ['', '00', 'ff', 'xyz', '7'.repeat(41)]) {
    assert.throws(
      () => signCsr({ csrPem, profile: profile('scheduler'), authority, notBefore: new Date(), serial }),
      RangeError,
    );
  }
});

test('existingPair() adopts a whole pair and refuses half of one, or two of different pairs', () => {
  const pem = signed('scheduler');
  assert.equal(existingPair('x', undefined, undefined), undefined);
  assert.deepEqual(existingPair('x', pem, machineKey), { certificatePem: pem, keyPem: machineKey });
  assert.throws(
    () => existingPair('authority "etcd"', pem, undefined),
    /its certificate exists, its key does not/,
  );
  assert.throws(
    () => existingPair('authority "etcd"', undefined, machineKey),
    /its key exists, its certificate does not/,
  );
  assert.throws(() => existingPair('x', pem, authority.keyPem), /not that of its certificate/);
});

test('parseCertificate() says what a certificate says', () => {
  const notBefore = new Date('2030-01-02T03:04:05Z');
  const parsed = parseCertificate(signed('bootstrap-admin', notBefore));
  assert.deepEqual(
    { ...parsed, serial: '', fingerprint: '', publicKeyPem: parsed.publicKeyPem === machinePublicKey },
    {
      commonName: 'zonewright:bootstrap',
      organization: 'system:masters',
      issuerCommonName: 'kubernetes-ca',
      serial: '',
      notBefore,
      notAfter: new Date('2030-01-03T03:04:05Z'),
      subjectAltNames: [],
      isAuthority: false,
      fingerprint: '',
      publicKeyPem: true,
    },
  );
  assert.throws(() => parseCertificate('nothing'), /expected PEM/);
});
