import { createPrivateKey, createPublicKey, sign, X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { ZonewrightError } from '../../domain/errors.ts';
import { subjectFields, type Subject } from './names.ts';

/** Exported by node-forge, absent from its types. */
const tbs = forge.pki as unknown as {
  getTBSCertificate(certificate: forge.pki.Certificate): forge.asn1.Asn1;
};

const DAY_MS = 86_400_000;
/** A year beyond the longest authority; keeps dates inside UTCTime. */
const MAX_LIFETIME_DAYS = 4015;

export interface CertificateContents {
  readonly subject: Subject;
  readonly issuer: forge.pki.CertificateField[];
  readonly publicKey: forge.pki.PublicKey;
  /** Positive, in hexadecimal, at most 20 bytes (RFC 5280, 4.1.2.2). */
  readonly serial: string;
  readonly notBefore: Date;
  readonly lifetimeDays: number;
  readonly extensions: readonly Readonly<Record<string, unknown>>[];
}

/** Builds and signs with Node's crypto: the key is never parsed by JavaScript, and the same input gives the same bytes. */
export function signCertificate(contents: CertificateContents, signingKeyPem: string): string {
  checkSerial(contents.serial);
  if (!(contents.lifetimeDays > 0 && contents.lifetimeDays <= MAX_LIFETIME_DAYS)) {
    throw new RangeError(
      `Cannot sign a certificate for ${contents.lifetimeDays} days: expected 1 to ${MAX_LIFETIME_DAYS}`,
    );
  }
  const certificate = forge.pki.createCertificate();
  certificate.serialNumber = evenHex(contents.serial);
  certificate.publicKey = contents.publicKey;
  certificate.validity.notBefore = wholeSeconds(contents.notBefore);
  certificate.validity.notAfter = wholeSeconds(
    new Date(contents.notBefore.getTime() + contents.lifetimeDays * DAY_MS),
  );
  certificate.setSubject(subjectFields(contents.subject));
  certificate.setIssuer(contents.issuer);
  certificate.setExtensions([...contents.extensions]);
  certificate.siginfo.algorithmOid = certificate.signatureOid =
    forge.pki.oids['sha256WithRSAEncryption'] ?? '';
  const toBeSigned = tbs.getTBSCertificate(certificate);
  const der = Buffer.from(forge.asn1.toDer(toBeSigned).getBytes(), 'latin1');
  certificate.tbsCertificate = toBeSigned;
  certificate.signature = sign('sha256', der, signingKeyPem).toString('latin1');
  return forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}

export interface ParsedCertificate {
  readonly commonName: string;
  readonly organization?: string;
  readonly issuerCommonName: string;
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** As Node writes them: `DNS:name`, `IP Address:10.0.0.1`. */
  readonly subjectAltNames: readonly string[];
  readonly isAuthority: boolean;
  /** SHA-256 of the DER, upper-case hexadecimal with colons. */
  readonly fingerprint: string;
  readonly publicKeyPem: string;
}

/** @throws {ZonewrightError} when the text is no certificate */
export function parseCertificate(pem: string): ParsedCertificate {
  const certificate = x509(pem);
  const subject = nameParts(certificate.subject);
  return {
    commonName: subject['CN'] ?? '',
    ...(subject['O'] === undefined ? {} : { organization: subject['O'] }),
    issuerCommonName: nameParts(certificate.issuer)['CN'] ?? '',
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
    subjectAltNames: certificate.subjectAltName?.split(', ') ?? [],
    isAuthority: certificate.ca,
    fingerprint: certificate.fingerprint256,
    publicKeyPem: certificate.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

/** A certificate with its key. */
export interface KeyPair {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/**
 * Takes an existing pair for what it is: both halves, and of each other. Half a pair is refused, never completed:
 * a new half would silently cut off whatever trusts the old one.
 *
 * @returns nothing when there is neither half
 * @throws {ZonewrightError} of type `ForeignResource` on half a pair, or on two halves of different pairs
 */
export function existingPair(
  what: string,
  certificatePem: string | undefined,
  keyPem: string | undefined,
): KeyPair | undefined {
  if (certificatePem === undefined && keyPem === undefined) return undefined;
  if (certificatePem === undefined || keyPem === undefined) {
    const [there, missing] = keyPem === undefined ? ['certificate', 'key'] : ['key', 'certificate'];
    throw new ZonewrightError(
      'ForeignResource',
      `Cannot use ${what}: its ${there} exists, its ${missing} does not`,
    );
  }
  if (!x509(certificatePem).checkPrivateKey(createPrivateKey(keyPem))) {
    throw new ZonewrightError(
      'ForeignResource',
      `Cannot use ${what}: its key is not that of its certificate`,
    );
  }
  return { certificatePem, keyPem };
}

/** True when the certificate is of this key and signed by this authority. */
export function isIssuedFor(certificatePem: string, publicKeyPem: string, authorityPem: string): boolean {
  const certificate = x509(certificatePem);
  const authority = x509(authorityPem);
  return (
    certificate.publicKey.equals(createPublicKey(publicKeyPem)) &&
    certificate.checkIssued(authority) &&
    certificate.verify(authority.publicKey)
  );
}

function x509(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new ZonewrightError('ForeignResource', 'Cannot read certificate: expected PEM', { cause });
  }
}

const nameParts = (name: string): Record<string, string> =>
  Object.fromEntries(
    name.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );

function checkSerial(serial: string): void {
  if (
    !/^(?=.*[1-9a-f])[0-9a-f]{1,40}$/.test(serial) ||
    Buffer.from(evenHex(serial), 'hex').readUInt8() > 127
  ) {
    throw new RangeError(
      `Cannot use serial "${serial}": expected a positive number of at most 20 bytes in hexadecimal`,
    );
  }
}

const evenHex = (hex: string): string => (hex.length % 2 ? `0${hex}` : hex);
const wholeSeconds = (date: Date): Date => new Date(Math.floor(date.getTime() / 1000) * 1000);
