import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeVpcsCommand,
  EC2Client,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import {
  AddRoleToInstanceProfileCommand,
  AttachRolePolicyCommand,
  CreateInstanceProfileCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  DeleteRolePolicyCommand,
  GetRoleCommand,
  IAMClient,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { ListHostedZonesCommand, Route53Client } from '@aws-sdk/client-route-53';
import {
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { RoleCredentials } from '../../sandbox/machines/model.ts';
import { ACCOUNT, clientSettings, refusal, startFront, until } from './aws-front.ts';
import type { TestFront } from './aws-front.ts';

const Bucket = 'zone-store';
let front: TestFront;
let credentials: RoleCredentials;
let userId: string;
let instanceId: string;
let vpcId: string;

/** An instance whose profile is confined to its own prefix, and the credentials its metadata hands out. */
before(async () => {
  front = await startFront({ iamMs: 0 });
  await front.s3.send(new CreateBucketCommand({ Bucket }));
  const names = { RoleName: 'border', InstanceProfileName: 'border' };
  await front.iam.send(new CreateRoleCommand({ RoleName: 'border', AssumeRolePolicyDocument: '{}' }));
  await putPolicy('own', [
    {
      Effect: 'Allow',
      Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
      Resource: `arn:aws:s3:::${Bucket}/machines/\${aws:userid}/*`,
    },
    {
      Effect: 'Allow',
      Action: 's3:ListBucket',
      Resource: `arn:aws:s3:::${Bucket}`,
      Condition: { StringLike: { 's3:prefix': 'machines/${aws:userid}/*' } },
    },
  ]);
  await front.iam.send(new CreateInstanceProfileCommand(names));
  await front.iam.send(new AddRoleToInstanceProfileCommand(names));
  const { Vpc } = await front.ec2.send(new CreateVpcCommand({ CidrBlock: '172.16.0.0/23' }));
  vpcId = Vpc!.VpcId!;
  const { Subnet } = await front.ec2.send(
    new CreateSubnetCommand({ VpcId: vpcId, CidrBlock: '172.16.0.0/26' }),
  );
  const { Instances } = await front.ec2.send(
    new RunInstancesCommand({
      ...{ ImageId: front.sourceImageId, SubnetId: Subnet!.SubnetId!, MinCount: 1, MaxCount: 1 },
      ...{
        IamInstanceProfile: { Name: 'border' },
        UserData: Buffer.from('#cloud-config\n').toString('base64'),
      },
      MetadataOptions: { InstanceMetadataTags: 'enabled' },
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'role', Value: 'border' }] }],
    }),
  );
  instanceId = Instances![0]!.InstanceId!;
  credentials = (await front.front.metadata.credentials(instanceId))!;
  const { Role } = await front.iam.send(new GetRoleCommand({ RoleName: 'border' }));
  userId = `${Role!.RoleId}:${instanceId}`;
});
after(() => front[Symbol.asyncDispose]());

const putPolicy = (PolicyName: string, Statement: object[]): Promise<unknown> =>
  front.iam.send(
    new PutRolePolicyCommand({
      RoleName: 'border',
      PolicyName,
      PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement }),
    }),
  );
const asMachine = () => {
  const { accessKeyId, secretAccessKey, token: sessionToken } = credentials;
  return clientSettings(front, { accessKeyId, secretAccessKey, sessionToken });
};

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
test('metadata says what the instance is, by its VPC and address', async () => {
  const [card] = front.network.model!.interfaces;
  const facts = await front.front.metadata.facts(vpcId, card!.privateIp);
  assert.equal(facts?.instanceId, instanceId);
  assert.equal(Buffer.from(facts!.userData!).toString(), '#cloud-config\n');
  assert.deepEqual(
    [facts?.tags, facts?.tagsInMetadata, facts?.imageId],
    [{ role: 'border' }, true, front.sourceImageId],
  );
  assert.deepEqual(
    [facts?.vpcCidr, facts?.subnetCidr, facts?.instanceProfile?.roleName],
    ['172.16.0.0/23', '172.16.0.0/26', 'border'],
  );
  assert.equal(await front.front.metadata.facts('vpc-other', card!.privateIp), undefined);
});

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
test('a machine reads and writes below its own prefix only', async () => {
  const s3 = new S3Client({ ...asMachine(), forcePathStyle: true });
  const own = `machines/${userId}/csr.pem`;
  await s3.send(new PutObjectCommand({ Bucket, Key: own, Body: 'mine' }));
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: own }));
  assert.equal(await got.Body?.transformToString(), 'mine');
  await front.s3.send(new PutObjectCommand({ Bucket, Key: 'zones/a/manifest.json', Body: '{}' }));
  const codes = await Promise.all(
    [
      s3.send(new GetObjectCommand({ Bucket, Key: 'zones/a/manifest.json' })),
      s3.send(new PutObjectCommand({ Bucket, Key: 'machines/another:i-1/csr.pem', Body: 'x' })),
      s3.send(new ListObjectsV2Command({ Bucket })),
      s3.send(
        new DeleteObjectsCommand({
          Bucket,
          Delete: { Objects: [{ Key: own }, { Key: 'zones/a/manifest.json' }] },
        }),
      ),
    ].map(refusal),
  );
  assert.deepEqual([...new Set(codes)], ['AccessDenied']);
  const listed = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: `machines/${userId}/` }));
  assert.deepEqual(
    listed.Contents?.map(({ Key }) => Key),
    [own],
  );
});

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html: permissions
test('whoever may not list is not told what is missing', async () => {
  const s3 = new S3Client({ ...asMachine(), forcePathStyle: true });
  const missing = new GetObjectCommand({ Bucket, Key: `machines/${userId}/missing` });
  assert.equal(await refusal(s3.send(missing)), 'NoSuchKey');
  await putPolicy('no-list', [{ Effect: 'Deny', Action: 's3:ListBucket', Resource: '*' }]);
  assert.equal(await refusal(s3.send(missing)), 'AccessDenied');
  await front.iam.send(new DeleteRolePolicyCommand({ RoleName: 'border', PolicyName: 'no-list' }));
});

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
test('other services refuse each in its own words, until a policy allows', async () => {
  const ec2 = new EC2Client(asMachine());
  assert.equal(await refusal(ec2.send(new DescribeVpcsCommand({}))), 'UnauthorizedOperation');
  assert.equal(
    await refusal(new Route53Client(asMachine()).send(new ListHostedZonesCommand({}))),
    'AccessDenied',
  );
  assert.equal(
    await refusal(new IAMClient(asMachine()).send(new GetRoleCommand({ RoleName: 'border' }))),
    'AccessDenied',
  );
  const PolicyDocument = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'ec2:Describe*', Resource: '*' }],
  });
  const { Policy } = await front.iam.send(new CreatePolicyCommand({ PolicyName: 'look', PolicyDocument }));
  await front.iam.send(new AttachRolePolicyCommand({ RoleName: 'border', PolicyArn: Policy!.Arn! }));
  assert.equal((await ec2.send(new DescribeVpcsCommand({}))).Vpcs?.length, 1);
});

// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
test('a session knows who it is; one that was assumed is confined too', async () => {
  const { Arn, UserId } = await new STSClient(asMachine()).send(new GetCallerIdentityCommand({}));
  assert.deepEqual([Arn, UserId], [`arn:aws:sts::${ACCOUNT}:assumed-role/border/${instanceId}`, userId]);
  const RoleArn = `arn:aws:iam::${ACCOUNT}:role/border`;
  const assumed = await front.sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'worker' }));
  const { AccessKeyId, SecretAccessKey, SessionToken } = assumed.Credentials!;
  const session = {
    accessKeyId: AccessKeyId!,
    secretAccessKey: SecretAccessKey!,
    sessionToken: SessionToken!,
  };
  const s3 = new S3Client({ ...clientSettings(front, session), forcePathStyle: true });
  assert.equal(await refusal(s3.send(new ListObjectsV2Command({ Bucket }))), 'AccessDenied');
  const admin = await front.sts.send(new GetCallerIdentityCommand({}));
  assert.equal(admin.Account, ACCOUNT);
});

// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
test('unknown keys, wrong secrets and missing tokens are refused by each service as it does', async () => {
  const unknown = clientSettings(front, { accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'x' });
  assert.equal(await refusal(new EC2Client(unknown).send(new DescribeVpcsCommand({}))), 'AuthFailure');
  assert.equal(
    await refusal(new IAMClient(unknown).send(new GetRoleCommand({ RoleName: 'x' }))),
    'InvalidClientTokenId',
  );
  assert.equal(
    await refusal(new Route53Client(unknown).send(new ListHostedZonesCommand({}))),
    'InvalidClientTokenId',
  );
  const forged = clientSettings(front, { accessKeyId: 'AKIASANDBOXADMIN0000', secretAccessKey: 'x' });
  assert.equal(
    await refusal(new EC2Client(forged).send(new DescribeVpcsCommand({}))),
    'SignatureDoesNotMatch',
  );
  const { accessKeyId, secretAccessKey } = credentials;
  const tokenless = clientSettings(front, { accessKeyId, secretAccessKey });
  assert.equal(
    await refusal(new EC2Client(tokenless).send(new DescribeVpcsCommand({}))),
    'InvalidClientTokenId',
  );
  assert.equal((await fetch(`${front.url}/${Bucket}/machines`)).status, 403);
});

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
test('a machine whose role is gone has credentials no more', async () => {
  await until(async () => front.machines.running().includes(instanceId));
  await front.iam.send(new DeleteRolePolicyCommand({ RoleName: 'border', PolicyName: 'own' }));
  const s3 = new S3Client({ ...asMachine(), forcePathStyle: true });
  assert.equal(
    await refusal(s3.send(new PutObjectCommand({ Bucket, Key: `machines/${userId}/x`, Body: 'x' }))),
    'AccessDenied',
  );
});
