import { createPublicKey } from 'node:crypto';
import forge from 'node-forge';
import { ZonewrightError } from '../../domain/errors.ts';
import type { CertificateProfile } from '../../domain/pki/profiles.ts';
import { existingPair, signCertificate, type KeyPair } from './certificate.ts';

export interface SigningRequest {
  readonly csrPem: string;
  readonly profile: Pick<
    CertificateProfile,
    'id' | 'commonName' | 'organization' | 'dnsNames' | 'ipAddresses' | 'usages' | 'lifetimeDays'
  >;
  readonly authority: KeyPair;
  readonly notBefore: Date;
  readonly serial: string;
}

/**
 * Signs the public key of a request, and nothing else of it: subject, names and usages are the profile's. So a machine
 * that asks to be somebody else becomes itself. The same input gives the same certificate.
 *
 * @throws {ZonewrightError} of type `MachineFailed` when the request is unreadable, not self-signed, or its key is weak
 */
export function signCsr({ csrPem, profile, authority, notBefore, serial }: SigningRequest): string {
  existingPair(`authority of "${profile.id}"`, authority.certificatePem, authority.keyPem);
  const issuer = forge.pki.certificateFromPem(authority.certificatePem);
  const publicKey = requestedKey(csrPem, profile.id);
  return signCertificate(
    {
      subject: profile,
      issuer: issuer.subject.attributes,
      publicKey,
      serial,
      notBefore,
      lifetimeDays: profile.lifetimeDays,
      extensions: [
        { name: 'basicConstraints', critical: true, cA: false },
        { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true },
        {
          name: 'extKeyUsage',
          serverAuth: profile.usages.includes('server'),
          clientAuth: profile.usages.includes('client'),
        },
        ...subjectAltName(profile),
        { name: 'subjectKeyIdentifier' },
        {
          name: 'authorityKeyIdentifier',
          keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes(),
        },
      ],
    },
    authority.keyPem,
  );
}

/** The public key of a request, as PEM; the request is checked as it is before signing. */
export const publicKeyOf = (csrPem: string, profileId: string): string =>
  forge.pki.publicKeyToPem(requestedKey(csrPem, profileId));

function requestedKey(csrPem: string, profileId: string): forge.pki.rsa.PublicKey {
  let request: forge.pki.CertificateSigningRequest;
  try {
    request = forge.pki.certificationRequestFromPem(csrPem);
    if (!request.verify()) throw new Error('signature does not match');
  } catch (cause) {
    throw new ZonewrightError(
      'MachineFailed',
      `Cannot sign request "${profileId}": expected a PKCS #10 request signed with its own RSA key`,
      { cause },
    );
  }
  const publicKey = request.publicKey as forge.pki.rsa.PublicKey;
  const bits = createPublicKey(forge.pki.publicKeyToPem(publicKey)).asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < 2048 || bits > 4096) {
    throw new ZonewrightError(
      'MachineFailed',
      `Cannot sign request "${profileId}": its key has ${bits} bits, expected 2048 to 4096`,
    );
  }
  return publicKey;
}

function subjectAltName(profile: SigningRequest['profile']): readonly Readonly<Record<string, unknown>>[] {
  const altNames = [
    ...profile.dnsNames.map((value) => ({ type: 2, value })),
    ...profile.ipAddresses.map((ip) => ({ type: 7, ip })),
  ];
  return altNames.length > 0 ? [{ name: 'subjectAltName', altNames }] : [];
}
