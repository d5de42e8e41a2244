/**
 * Who calls: the sandbox's administrator, or a session of a role. Every request's signature is checked.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
 */
import { randomBytes } from 'node:crypto';
import { AwsError } from './call.ts';
import { instantOf, signatureHolds } from './signature.ts';
import type { SignableRequest, SignatureClaim } from './signature.ts';

export type Identity =
  | { readonly kind: 'admin'; readonly arn: string; readonly userId: string }
  | {
      readonly kind: 'role';
      readonly arn: string;
      /** `<role id>:<session name>`; policies know it as `aws:userid`. */
      readonly userId: string;
      readonly roleName: string;
      readonly sessionName: string;
    };

export interface SessionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly token: string;
  readonly expiration: Date;
}

interface Key {
  readonly secret: string;
  readonly identity: Identity;
  readonly token?: string;
  readonly expiration?: Date;
}

/** Clocks may differ by this much. */
const SKEW_MS = 15 * 60_000;

export class Identities {
  readonly #keys = new Map<string, Key>();
  readonly #accountId: string;

  constructor(accountId: string, admin: { accessKeyId: string; secretAccessKey: string }) {
    this.#accountId = accountId;
    const arn = `arn:aws:iam::${accountId}:user/sandbox-admin`;
    const identity = { kind: 'admin', arn, userId: 'AIDASANDBOXADMINISTRATOR' } as const;
    this.#keys.set(admin.accessKeyId, { secret: admin.secretAccessKey, identity });
  }

  /** Credentials of a role for some seconds, as the metadata service or AssumeRole hands them out. */
  openSession(role: { name: string; id: string }, sessionName: string, seconds: number): SessionCredentials {
    const credentials = {
      accessKeyId: `ASIA${base32(16)}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      token: randomBytes(96).toString('base64'),
      expiration: new Date(Math.floor(Date.now() / 1000 + seconds) * 1000),
    };
    const identity: Identity = {
      kind: 'role',
      arn: `arn:aws:sts::${this.#accountId}:assumed-role/${role.name}/${sessionName}`,
      userId: `${role.id}:${sessionName}`,
      roleName: role.name,
      sessionName,
    };
    const { secretAccessKey: secret, token, expiration } = credentials;
    this.#keys.set(credentials.accessKeyId, { secret, identity, token, expiration });
    return credentials;
  }

  /** @throws {AwsError} where key, token, time or signature is not right */
  verify(claim: SignatureClaim, request: SignableRequest): Identity {
    const key = this.#keys.get(claim.accessKeyId);
    if (key === undefined) throw unknownKey(claim.service);
    if (key.token !== claim.token) {
      const code = claim.service === 's3' ? 'InvalidToken' : 'InvalidClientTokenId';
      throw new AwsError(code, 'The security token included in the request is invalid.', 403);
    }
    refuseLate(claim, key.expiration);
    if (signatureHolds(claim, request, key.secret)) return key.identity;
    const message = 'The request signature we calculated does not match the signature you provided.';
    throw new AwsError(
      'SignatureDoesNotMatch',
      `${message} Check your AWS Secret Access Key and signing method.`,
      403,
    );
  }
}

function refuseLate(claim: SignatureClaim, expiration: Date | undefined): void {
  const now = Date.now();
  if (expiration !== undefined && now > expiration.getTime()) {
    const code = claim.service === 'ec2' ? 'RequestExpired' : 'ExpiredToken';
    throw new AwsError(
      code,
      'The security token included in the request is expired',
      claim.service === 's3' ? 400 : 403,
    );
  }
  const signed = instantOf(claim.time);
  if (claim.expires !== undefined) {
    if (now > signed + claim.expires * 1000) throw new AwsError('AccessDenied', 'Request has expired', 403);
    return;
  }
  if (Math.abs(now - signed) <= SKEW_MS) return;
  const code = claim.service === 's3' ? 'RequestTimeTooSkewed' : 'RequestExpired';
  throw new AwsError(
    code,
    `Signature of "${claim.time}" is more than 15 minutes from the server's time`,
    403,
  );
}

function unknownKey(service: string): AwsError {
  if (service === 'ec2') {
    return new AwsError('AuthFailure', 'AWS was not able to validate the provided access credentials', 401);
  }
  if (service === 's3') {
    const message = 'The AWS Access Key Id you provided does not exist in our records.';
    return new AwsError('InvalidAccessKeyId', message, 403);
  }
  return new AwsError('InvalidClientTokenId', 'The security token included in the request is invalid.', 403);
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const base32 = (length: number): string =>
  [...randomBytes(length)].map((byte) => BASE32[byte % 32] ?? 'A').join('');
