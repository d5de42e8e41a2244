import { NotYet, ZonewrightError, type FailureType } from '../../domain/errors.ts';

/** AWS turned the request away before it looked at it; some services say so with a 5xx. */
const THROTTLED = new Set([
  'RequestLimitExceeded',
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'TooManyRequestsException',
  'PriorRequestNotComplete',
  'SlowDown',
]);

/** AWS error codes that a later attempt can overcome. Everything else that AWS answers with 4xx is final. */
const UNAVAILABLE = new Set([
  ...THROTTLED,
  'ServiceUnavailable',
  'Unavailable',
  'InternalError',
  'InternalFailure',
  'InsufficientInstanceCapacity',
  'RequestTimeout',
  'RequestTimeoutException',
]);

/** Codes that say "not at this moment": something else has to go or to appear first. */
const NOT_YET = new Set([
  'DependencyViolation',
  'DeleteConflict',
  'ConcurrentModification',
  'InvalidSnapshot.InUse',
  'IncorrectInstanceState',
  'InvalidAllocationID.InUse',
  'InvalidIPAddress.InUse',
  'OperationAborted',
]);

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
]);

/** A server whose certificate is not (yet) what we trust: it may still be starting. */
const TLS = /^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/;

interface AwsError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly code?: string;
}

/** The code of an AWS error, e.g. `InvalidVpcID.NotFound`; empty when it is none. */
export const cloudErrorCode = (error: unknown): string =>
  error instanceof Error && '$metadata' in error ? error.name : '';

/** True when AWS says that the thing does not exist. */
export const isNotFound = (error: unknown): boolean => {
  const code = cloudErrorCode(error);
  return (
    /NotFound|NoSuch|^InvalidAssociationID|^404$/.test(code) ||
    code === 'InvalidAMIID.Unavailable' ||
    code === 'Gateway.NotAttached'
  );
};

/** True when AWS says that such a thing exists: a repeated create, or somebody else's. */
export const isAlreadyThere = (error: unknown): boolean =>
  /AlreadyExists|AlreadyCreated|AlreadyAssociated|Duplicate|^PreconditionFailed$|^ConditionalRequestConflict$/.test(
    cloudErrorCode(error),
  ) ||
  (cloudErrorCode(error) === 'InvalidChangeBatch' && /already exists/i.test((error as Error).message));

/** True when AWS answered that it did nothing; a time-out or a 5xx says nothing about that. */
export const isRefusal = (error: unknown): boolean => {
  const status = error instanceof Error ? (error as AwsError).$metadata?.httpStatusCode : undefined;
  return status !== undefined && ((status >= 400 && status < 500) || THROTTLED.has(cloudErrorCode(error)));
};

const isConnectionLost = (code: unknown): boolean =>
  typeof code === 'string' && (NETWORK.has(code) || TLS.test(code));

/** Our failure for what the SDK threw; `undefined` when it is not an answer of the cloud but a bug of ours. */
export function fromCloudError(action: string, error: unknown): ZonewrightError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { name, message, code, $metadata } = error as AwsError;
  const status = $metadata?.httpStatusCode;
  const refused = (type: FailureType) =>
    new ZonewrightError(type, `Cannot ${action}: ${name}: ${message}`, {
      cause: error,
      details: { code: name, status },
    });
  if (name === 'TimeoutError' || name === 'AbortError' || isConnectionLost(code)) {
    return refused('CloudUnavailable');
  }
  if (status === undefined) {
    // What undici throws says nothing itself: "fetch failed".
    return error.cause instanceof Error && isConnectionLost((error.cause as AwsError).code)
      ? fromCloudError(action, error.cause)
      : undefined;
  }
  // A new instance profile is unseen by EC2 for some seconds (IAM is eventually consistent).
  const unseenProfile = name === 'InvalidParameterValue' && /instance ?profile/i.test(message);
  if (NOT_YET.has(name) || unseenProfile)
    return new NotYet(`Cannot ${action} yet: ${name}: ${message}`, 2_000, { code: name });
  if (status >= 500 || UNAVAILABLE.has(name)) return refused('CloudUnavailable');
  return refused('CloudRefused');
}

/** Awaits a call that unmakes something: that it is gone already is success. */
export async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Awaits a look-up: `undefined` when there is no such thing. */
export async function orAbsent<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
