import { createHash, generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { signCertificate, type KeyPair } from './certificate.ts';
import { subjectFields, type Subject } from './names.ts';

const AUTHORITY_BITS = 3072;

/**
 * Makes a self-signed authority with a fresh key. It signs certificates, and no further authorities.
 *
 * @param notBefore defaults to a minute ago, for machines whose clock is behind
 */
export async function createAuthority(
  subject: Subject,
  lifetimeDays: number,
  notBefore: Date = new Date(Date.now() - 60_000),
): Promise<KeyPair> {
  const keys = await promisify(generateKeyPair)('rsa', {
    modulusLength: AUTHORITY_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const certificatePem = signCertificate(
    {
      subject,
      issuer: subjectFields(subject),
      publicKey: forge.pki.publicKeyFromPem(keys.publicKey),
      serial: newSerial(),
      notBefore,
      lifetimeDays,
      extensions: [
        { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
        { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
        { name: 'subjectKeyIdentifier' },
      ],
    },
    keys.privateKey,
  );
  return { certificatePem, keyPem: keys.privateKey };
}

/** A random positive serial of 16 bytes. */
export function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

/** A serial that is the same whenever it is asked for: signing twice for one request gives the same certificate. */
export function serialFor(...parts: readonly string[]): string {
  const bytes = createHash('sha256').update(JSON.stringify(parts)).digest().subarray(0, 16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}
