import { createPrivateKey, createPublicKey, generateKeyPair, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import forge from 'node-forge';
import type { MachineFiles } from './files.ts';

/** RSA, since that is what node-forge signs. */
const KEY_BITS = 2048;

/** The key at `<path>.key`, made there first where there is none. It never leaves the machine. */
export async function ensureKey(files: MachineFiles, path: string, owner: string): Promise<string> {
  const there = files.read(`${path}.key`);
  if (there !== undefined) {
    files.write({ path: `${path}.key`, text: there, mode: 0o600, owner });
    return there;
  }
  if (files.read(`${path}.crt`) !== undefined) {
    throw new Error(`Cannot use "${path}": its certificate exists, its key does not`);
  }
  const { privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: KEY_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  files.write({ path: `${path}.key`, text: privateKey, mode: 0o600, owner });
  return privateKey;
}

export const publicHalf = (keyPem: string): string =>
  createPublicKey(keyPem).export({ type: 'spki', format: 'pem' }).toString();

/** A PKCS #10 request. What it says besides the key is for people: the signer takes nothing else from it. */
export function signingRequest(keyPem: string, profileId: string): string {
  const request = forge.pki.createCertificationRequest();
  request.publicKey = forge.pki.publicKeyFromPem(publicHalf(keyPem));
  request.setSubject([{ name: 'commonName', value: profileId }]);
  request.sign(forge.pki.privateKeyFromPem(keyPem), forge.md.sha256.create());
  return forge.pki.certificationRequestToPem(request).replaceAll('\r\n', '\n');
}

/** True when the certificate is of this key and authority, and has more than a tenth of its life ahead. */
export function certificateFits(
  certificatePem: string | undefined,
  keyPem: string,
  authorityPem: string | undefined,
  now = Date.now(),
): boolean {
  if (certificatePem === undefined || authorityPem === undefined) return false;
  const certificate = new X509Certificate(certificatePem);
  const authority = new X509Certificate(authorityPem);
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  return (
    certificate.checkPrivateKey(createPrivateKey(keyPem)) &&
    certificate.verify(authority.publicKey) &&
    now < to - (to - from) / 10
  );
}
