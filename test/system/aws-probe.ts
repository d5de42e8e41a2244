/** Run where a machine is: tries calls with the credentials of its instance profile and prints what each came to. */
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { GetRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

interface Call {
  readonly name: string;
  readonly service: 's3:get' | 's3:put' | 's3:list' | 's3:delete' | 'ec2' | 'iam';
  readonly bucket?: string;
  /** `<own>` stands for the machine's own prefix. */
  readonly key?: string;
}

const s3 = new S3Client({ forcePathStyle: true });
const { UserId = '' } = await new STSClient().send(new GetCallerIdentityCommand({}));

function send({ service, bucket, key = '' }: Call): Promise<unknown> {
  const object = { Bucket: bucket, Key: key.replace('<own>', `machines/${UserId}`) };
  switch (service) {
    case 's3:get':
      return s3.send(new GetObjectCommand(object));
    case 's3:put':
      return s3.send(new PutObjectCommand({ ...object, Body: 'of a test' }));
    case 's3:delete':
      return s3.send(new DeleteObjectCommand(object));
    case 's3:list':
      return s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: object.Key }));
    case 'ec2':
      return new EC2Client().send(new DescribeInstancesCommand({}));
    case 'iam':
      return new IAMClient().send(new GetRoleCommand({ RoleName: 'any' }));
  }
}

const answers: Record<string, string> = { identity: UserId };
for (const call of JSON.parse(process.argv[2] ?? '[]') as Call[]) {
  answers[call.name] = await send(call).then(
    () => 'ok',
    (error: unknown) => (error instanceof Error ? error.name : String(error)),
  );
}
// Connections that the clients keep for later must not keep the process.
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
