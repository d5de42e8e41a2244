/** The AWS clients that a client of zonewright reads with. What changes anything is the work of operations. */
import { EC2Client } from '@aws-sdk/client-ec2';
import { Route53Client } from '@aws-sdk/client-route-53';
import { S3Client } from '@aws-sdk/client-s3';
import { STSClient } from '@aws-sdk/client-sts';
import type { ZonewrightContext } from './contexts.ts';
import { ClientError, EXIT } from './errors.ts';

export interface AwsClients {
  readonly ec2: EC2Client;
  readonly route53: Route53Client;
  readonly s3: S3Client;
  readonly sts: STSClient;
}

const CONNECT_MS = 5_000;
const REQUEST_MS = 30_000;

/**
 * Gives `body` the clients of a context and closes them afterwards.
 *
 * @throws {ClientError} when AWS cannot be reached or refuses the context's credentials
 */
export async function withAws<T>(
  context: ZonewrightContext,
  body: (aws: AwsClients) => Promise<T>,
): Promise<T> {
  const config = {
    ...context.aws,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: REQUEST_MS },
  };
  const clients: AwsClients = {
    ec2: new EC2Client(config),
    route53: new Route53Client(config),
    s3: new S3Client({ ...config, forcePathStyle: context.aws.endpoint !== undefined }),
    sts: new STSClient(config),
  };
  try {
    return await body(clients);
  } catch (error) {
    throw asClientError(context, error);
  } finally {
    for (const client of Object.values(clients)) (client as EC2Client).destroy();
  }
}

const UNREACHABLE = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ETIMEDOUT', 'TimeoutError']);
const BAD_CREDENTIALS = new Set([
  'AuthFailure',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
]);
const NOT_PERMITTED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'UnauthorizedOperation',
  'Forbidden',
]);

/** What AWS or the way to it says, in our words; anything else is returned as it is. */
export function asClientError(context: ZonewrightContext, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ClientError) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  const where = `(context "${context.name}")`;
  if (UNREACHABLE.has(code) || UNREACHABLE.has(error.name)) {
    const place = context.aws.endpoint ?? `AWS in "${context.aws.region}"`;
    return new ClientError(EXIT.usage, `Cannot reach "${place}" ${where}`, { cause: error });
  }
  if (BAD_CREDENTIALS.has(error.name)) {
    return new ClientError(EXIT.usage, `Cannot use the AWS credentials of context "${context.name}"`, {
      cause: error,
      expectation: `valid credentials${context.aws.profile === undefined ? '' : ` in profile "${context.aws.profile}"`}`,
    });
  }
  if (NOT_PERMITTED.has(error.name)) {
    return new ClientError(EXIT.refused, `AWS does not permit this ${where}`, { cause: error });
  }
  return error;
}
