/** What an environment's account holds before its first zone: the zone store and the parent of the zones' domains. */
import { CreateHostedZoneCommand, Route53Client } from '@aws-sdk/client-route-53';
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import type { SandboxState } from './state.ts';

const VERSIONING = { Status: 'Enabled' } as const;

export async function createEnvironment(state: SandboxState): Promise<void> {
  const { region, awsEndpoint: endpoint, accessKeyId, secretAccessKey } = state;
  const connection = { region, endpoint, credentials: { accessKeyId, secretAccessKey } };
  const s3 = new S3Client({ ...connection, forcePathStyle: true });
  const route53 = new Route53Client(connection);
  try {
    await s3.send(new CreateBucketCommand({ Bucket: state.bucket }));
    await s3.send(
      new PutBucketVersioningCommand({ Bucket: state.bucket, VersioningConfiguration: VERSIONING }),
    );
    await route53.send(
      new CreateHostedZoneCommand({
        Name: state.environmentDomain,
        CallerReference: `environment-${state.id}`,
      }),
    );
  } finally {
    s3.destroy();
    route53.destroy();
  }
}
