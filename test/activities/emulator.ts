import { CreateBucketCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { connect, type Clients } from '../../activities/cloud/clients.ts';
import { ADMIN, REGION, startFront, type TestFront } from '../sandbox/aws-front.ts';

export interface Cloud {
  readonly clients: Clients;
  readonly front: TestFront;
  /** Zone in which tests put their subnets. */
  readonly zoneA: string;
  readonly zoneB: string;
  /** A bucket that keeps versions. */
  bucket(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** The clients that workers use, against the front with a real emulator and a real S3 server behind it. */
export async function startCloud(): Promise<Cloud> {
  const front = await startFront();
  const clients = connect({
    region: REGION,
    endpoint: front.url,
    credentials: ADMIN,
    requestTimeoutMs: 20_000,
  });
  return {
    clients,
    front,
    zoneA: `${REGION}a`,
    zoneB: `${REGION}b`,
    bucket: async (Bucket) => {
      await clients.s3.send(new CreateBucketCommand({ Bucket }));
      const VersioningConfiguration = { Status: 'Enabled' as const };
      await clients.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
      return Bucket;
    },
    stop: async () => {
      for (const client of Object.values(clients)) client.destroy();
      await front[Symbol.asyncDispose]();
    },
  };
}
