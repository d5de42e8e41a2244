import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { afterEach, before, after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateVpcCommand, DescribeVpcsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { CreateRoleCommand, GetRoleCommand } from '@aws-sdk/client-iam';
import {
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  GenerateDataKeyCommand,
  KMSClient,
} from '@aws-sdk/client-kms';
import { CreateHostedZoneCommand, GetHostedZoneCommand } from '@aws-sdk/client-route-53';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { LoggedCall } from '../../sandbox/aws/call-log.ts';
import type { InventoryItem } from '../../sandbox/aws/inventory.ts';
import { ADMIN, clientSettings, refusal, startFront, until } from './aws-front.ts';
import type { TestFront } from './aws-front.ts';

const Bucket = 'zone-store';
let front: TestFront;
let block = 0;
before(async () => {
  front = await startFront();
  await front.s3.send(new CreateBucketCommand({ Bucket }));
});
afterEach(() => front.clearFaults());
after(() => front[Symbol.asyncDispose]());

const createVpc = (ec2: EC2Client = front.ec2): Promise<string> =>
  ec2.send(new CreateVpcCommand({ CidrBlock: `10.${block++}.0.0/16` })).then(({ Vpc }) => Vpc!.VpcId!);
const countVpcs = async (): Promise<number> =>
  (await front.ec2.send(new DescribeVpcsCommand({}))).Vpcs!.length;
const onVpc = { service: 'ec2', action: 'CreateVpc' };

test('an error strikes before the effect or after it, and as often as it was told to', async () => {
  const vpcs = await countVpcs();
  await front.fault({
    match: { ...onVpc, times: 1 },
    effect: { kind: 'error', code: 'InternalError', status: 500 },
  });
  assert.equal(await refusal(createVpc()), 'InternalError');
  assert.equal(await countVpcs(), vpcs);
  await createVpc();
  await front.fault({ match: onVpc, effect: { kind: 'error', code: 'VpcLimitExceeded', when: 'after' } });
  assert.equal(await refusal(createVpc()), 'VpcLimitExceeded');
  assert.equal(await countVpcs(), vpcs + 2);
});

test('the nth matching call is struck, and only with the parameters that match', async () => {
  const match = { service: 'ec2', action: 'Create*', nth: 2, params: { CidrBlock: '10.*' } };
  await front.fault({ match, effect: { kind: 'error', code: 'Struck' } });
  await createVpc();
  await front.ec2.send(new CreateVpcCommand({ CidrBlock: '172.16.0.0/16' }));
  assert.equal(await refusal(createVpc()), 'Struck');
});

// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
test('each service throttles in its own words', async () => {
  for (const [service, action] of [
    ['ec2', 'DescribeVpcs'],
    ['s3', 'GetObject'],
    ['iam', 'GetRole'],
  ] as const) {
    await front.fault({ match: { service, action }, effect: { kind: 'throttle' } });
  }
  assert.equal(await refusal(front.ec2.send(new DescribeVpcsCommand({}))), 'RequestLimitExceeded');
  assert.equal(await refusal(front.s3.send(new GetObjectCommand({ Bucket, Key: 'x' }))), 'SlowDown');
  assert.equal(await refusal(front.iam.send(new GetRoleCommand({ RoleName: 'x' }))), 'Throttling');
});

test('latency is added', async () => {
  await front.fault({
    match: { service: 'ec2', action: 'DescribeVpcs' },
    effect: { kind: 'latency', ms: 300 },
  });
  const start = performance.now();
  await countVpcs();
  assert.ok(performance.now() - start >= 290);
});

test('a time-out before has no effect, one after has it, and neither is answered', async () => {
  const vpcs = await countVpcs();
  await front.fault({ match: { ...onVpc, times: 1 }, effect: { kind: 'timeout-before', holdMs: 100 } });
  assert.notEqual(await refusal(createVpc()), 'no error');
  assert.equal(await countVpcs(), vpcs);
  await front.fault({ match: onVpc, effect: { kind: 'timeout-after', holdMs: 100 } });
  assert.notEqual(await refusal(createVpc()), 'no error');
  assert.equal(await countVpcs(), vpcs + 1);
  // A client that gives up earlier ends the wait.
  await front.clearFaults();
  await front.fault({ match: onVpc, effect: { kind: 'timeout-before' } });
  const hasty = new EC2Client({
    ...clientSettings(front, ADMIN),
    requestHandler: { requestTimeout: 200, throwOnRequestTimeout: true },
  });
  assert.notEqual(await refusal(createVpc(hasty)), 'no error');
  assert.equal(await countVpcs(), vpcs + 1);
  const calls = (await front.get('calls')) as LoggedCall[];
  assert.ok(
    calls.some(
      ({ action, status, fault }) => action === 'CreateVpc' && status === 0 && fault === 'timeout-after',
    ),
  );
});

test('an effect is delayed past the client’s giving up, also one with a body', async () => {
  const vpcs = await countVpcs();
  await front.fault({ match: onVpc, effect: { kind: 'delay-effect', ms: 400 } });
  await front.fault({
    match: { service: 's3', action: 'PutObject', params: { key: 'late' } },
    effect: { kind: 'delay-effect', ms: 400 },
  });
  const put = front.s3.send(new PutObjectCommand({ Bucket, Key: 'late', Body: 'late' }));
  const refusals = await Promise.all([refusal(createVpc()), refusal(put)]);
  assert.ok(refusals.every((code) => code !== 'no error'));
  assert.equal(await countVpcs(), vpcs);
  const get = () => front.s3.send(new GetObjectCommand({ Bucket, Key: 'late' }));
  assert.equal(await refusal(get()), 'NoSuchKey');
  await sleep(500);
  await until(async () => (await countVpcs()) === vpcs + 1);
  const got = await until(() => get().catch(() => undefined));
  assert.equal(await got.Body?.transformToString(), 'late');
});

// https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
test('what was created under stale reads is unseen for a while, in lists and by its id', async () => {
  const effect = { kind: 'stale-reads', seconds: 0.6 } as const;
  for (const [service, action] of [
    ['ec2', 'CreateVpc'],
    ['iam', 'CreateRole'],
    ['route53', 'CreateHostedZone'],
  ] as const) {
    await front.fault({ match: { service, action }, effect });
  }
  const vpcs = await countVpcs();
  const id = await createVpc();
  const get = () => front.ec2.send(new DescribeVpcsCommand({ VpcIds: [id] }));
  assert.equal(await countVpcs(), vpcs);
  assert.equal(await refusal(get()), 'InvalidVpcID.NotFound');
  await until(async () => (await countVpcs()) === vpcs + 1);
  assert.equal((await get()).Vpcs?.length, 1);
  await front.iam.send(new CreateRoleCommand({ RoleName: 'stale', AssumeRolePolicyDocument: '{}' }));
  const role = () => front.iam.send(new GetRoleCommand({ RoleName: 'stale' }));
  assert.match(await refusal(role()), /NoSuchEntity/);
  const { HostedZone } = await front.route53.send(
    new CreateHostedZoneCommand({ Name: 'stale.test', CallerReference: 's' }),
  );
  const zone = () => front.route53.send(new GetHostedZoneCommand({ Id: HostedZone!.Id! }));
  assert.equal(await refusal(zone()), 'NoSuchHostedZone');
  await until(async () => (await refusal(role())) === 'no error' && (await refusal(zone())) === 'no error');
});

test('the inventory lists what exists, and the control endpoint refuses what it does not understand', async () => {
  const id = await createVpc();
  const inventory = (await front.get('inventory')) as InventoryItem[];
  assert.ok(inventory.some((item) => item.kind === 'vpc' && item.id === id));
  assert.ok(inventory.some((item) => item.kind === 'bucket' && item.id === Bucket));
  assert.ok(
    inventory.some((item) => item.kind === 's3-prefix' && item.parent === Bucket && item.count === 1),
  );
  assert.ok(inventory.some((item) => item.kind === 'role' && item.id === 'stale'));
  const bad = await fetch(`${front.url}/_sandbox/faults`, {
    method: 'POST',
    body: '{"match":{"service":"ec2"}}',
  });
  assert.equal(bad.status, 400);
  assert.match(await bad.text(), /action/);
  const [first, ...others] = (await front.get('calls')) as LoggedCall[];
  const since = (await front.get(`calls?since=${first!.sequence}`)) as LoggedCall[];
  assert.equal(since[0]?.sequence, others[0]?.sequence);
});

test('only the computer itself may ask the control endpoint', async (t) => {
  const address = Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.family === 'IPv4' && !each.internal)?.address;
  if (address === undefined) return t.skip('this computer has no address beside loopback');
  const port = await front.front.listen(address, 0);
  assert.equal((await fetch(`http://${address}:${port}/_sandbox/calls`)).status, 403);
});

// https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html
test('services without rules of their own pass through, errors included', async () => {
  const kms = new KMSClient(clientSettings(front, ADMIN));
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  const made = await kms.send(new GenerateDataKeyCommand({ KeyId: KeyMetadata!.KeyId!, KeySpec: 'AES_256' }));
  const opened = await kms.send(new DecryptCommand({ CiphertextBlob: made.CiphertextBlob! }));
  assert.deepEqual(opened.Plaintext, made.Plaintext);
  assert.equal(await refusal(kms.send(new DescribeKeyCommand({ KeyId: 'none' }))), 'NotFoundException');
});
