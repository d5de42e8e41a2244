import { EC2Client } from '@aws-sdk/client-ec2';
import { IAMClient } from '@aws-sdk/client-iam';
import { KMSClient } from '@aws-sdk/client-kms';
import { Route53Client } from '@aws-sdk/client-route-53';
import { S3Client } from '@aws-sdk/client-s3';
import { STSClient } from '@aws-sdk/client-sts';

/** The real clients, built once by a worker. Effects name the ones they use: `Pick<Clients, 'ec2'>`. */
export interface Clients {
  readonly ec2: EC2Client;
  readonly iam: IAMClient;
  readonly kms: KMSClient;
  readonly route53: Route53Client;
  readonly s3: S3Client;
  readonly sts: STSClient;
}

export interface ConnectionOptions {
  readonly region: string;
  /** Base URL instead of AWS's own endpoints. */
  readonly endpoint?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** A request that takes longer has an unknown outcome, milliseconds. Below every activity's time-out. */
  readonly requestTimeoutMs: number;
}

/** Retries are Temporal's work, so the SDK makes none: each attempt of an activity is one request. */
export function connect({ requestTimeoutMs, ...options }: ConnectionOptions): Clients {
  const config = {
    ...options,
    maxAttempts: 1,
    requestHandler: {
      requestTimeout: requestTimeoutMs,
      connectionTimeout: 5_000,
      throwOnRequestTimeout: true,
    },
  };
  return {
    ec2: new EC2Client(config),
    iam: new IAMClient(config),
    kms: new KMSClient(config),
    route53: new Route53Client(config),
    s3: new S3Client({ ...config, forcePathStyle: options.endpoint !== undefined }),
    sts: new STSClient(config),
  };
}
