import { CreateTagsCommand, DescribeAddressesCommand, DescribeVpcsCommand } from '@aws-sdk/client-ec2';
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { accountChecks } from '../../activities/checks/account.ts';
import { sweepChecks, type Sweep } from '../../activities/checks/sweep.ts';
import { connect } from '../../activities/cloud/clients.ts';
import { createAwsEffects, createPkiEffects } from '../../activities/index.ts';
import { storeDocumentEffect } from '../../activities/store-document.ts';
import type { Kind, PlanOf, RefOf } from '../../domain/resources/index.ts';
import type { Owner } from '../../domain/resources/resource.ts';
import { REGION } from '../sandbox/aws-front.ts';
import { startCloud, type Cloud } from './emulator.ts';
import { effectRunner, inActivity, SETTINGS, someOwner, untilSettled } from './run-effect.ts';

suite('sweeps and the account', () => {
  let cloud: Cloud;
  let bucket: string;

  before(async () => {
    cloud = await startCloud();
    bucket = await cloud.bucket('zone-store');
  });
  after(() => cloud.stop());

  const run = (input: Sweep) => {
    const settings = { ...SETTINGS, bucket, requestTimeoutMs: 1_000 };
    const effects = {
      ...createAwsEffects(cloud.clients, settings),
      ...createPkiEffects(cloud.clients, settings),
    };
    return inActivity(() => sweepChecks(effects, settings).sweep(input));
  };

  test('a sweep looks for the kinds that it is asked for', async () => {
    const owner = someOwner('vpc');
    const effects = createAwsEffects(cloud.clients, { bucket });
    const made = await effectRunner('vpc', effects.vpc).create({ owner, plan: { cidr: '172.16.30.0/23' } });
    const scope = { operation: owner.operation };
    const look = async (kinds: readonly Kind[]) => (await run({ scope, kinds })).left.map(({ id }) => id);
    assert.deepEqual(await look(['subnet', 'role']), []);
    assert.deepEqual(await look(['vpc']), [made.id]);
    assert.deepEqual((await run({ scope: { ...scope, zone: 'zone03' } })).left.length, 1);
    assert.deepEqual((await run({ scope: { ...scope, zone: 'zone04' } })).left, []);
    assert.deepEqual((await run({ scope, remove: true })).left, []);
  });

  test('a sweep finds everything of an operation and removes it in the reverse order', async () => {
    const base = someOwner('base');
    const owner = (step: string): Owner => ({ ...base, step });
    const effects = createAwsEffects(cloud.clients, { bucket });
    const make = <K extends keyof typeof effects & Kind>(kind: K, step: string, plan: PlanOf<K>) =>
      untilSettled((attempt) =>
        effectRunner(kind, effects[kind] as never).create({ owner: owner(step), plan }, { attempt }),
      ) as Promise<RefOf<K>>;
    const { id: vpcId } = await make('vpc', 'vpc', { cidr: '172.16.0.0/23' });
    await make('internet-gateway', 'igw', { vpcId });
    const availabilityZone = cloud.zoneA;
    const { id: subnetId } = await make('subnet', 'subnet', {
      vpcId,
      cidr: '172.16.0.0/26',
      availabilityZone,
    });
    await make('route-table', 'rtb', { vpcId, subnetIds: [subnetId] });
    const group = (groupName: string) =>
      make('security-group', groupName, { vpcId, groupName, description: groupName });
    const [a, b] = [await group('a'), await group('b')];
    const refers = (groupId: string, securityGroupId: string) =>
      make('security-group-rules', `${groupId}-rules`, {
        groupId,
        ingress: [{ protocol: '-1', peer: { securityGroupId }, description: 'each other' }],
        egress: [],
      });
    await refers(a.id, b.id);
    await refers(b.id, a.id);
    const { roleName } = await make('role', 'role', { roleName: 'swept', statements: [] });
    await make('instance-profile', 'profile', { profileName: 'swept', roleName });
    const { id: machine } = await make('instance', 'machine', {
      imageId: cloud.front.sourceImageId,
      instanceType: 't3.micro',
      subnetId,
      publicIp: false,
      securityGroupIds: [a.id],
      profileName: 'swept',
      userData: '',
      shutdownBehavior: 'stop',
      sourceDestCheck: true,
      metadataHopLimit: 1,
    });
    const { id: allocationId } = await make('elastic-ip', 'eip', {});
    await make('nat-gateway', 'nat', { subnetId, allocationId });
    const plan = { bucket, key: 'zones/zone03/claim.json', content: {} };
    const documents = effectRunner('store-document', storeDocumentEffect(cloud.clients, { bucket }));
    await documents.create({ owner: owner('claim'), plan });

    const scope = { operation: base.operation };
    const looked = await run({ scope });
    assert.deepEqual(
      looked.left.map(({ kind }) => kind),
      [
        'vpc',
        'internet-gateway',
        'subnet',
        'elastic-ip',
        'nat-gateway',
        'route-table',
        'security-group',
        'security-group',
        'role',
        'instance-profile',
        'instance',
        'store-document',
      ],
    );
    assert.equal(looked.left.find(({ id }) => id === machine)?.step, 'machine');
    assert.equal(looked.againAfterMs, 1_000 + SETTINGS.consistencyWindowMs);
    const ofZone = await run({ scope: { zone: base.zone ?? '', environment: base.environment } });
    assert.deepEqual(ofZone.left, looked.left);
    assert.deepEqual((await run({ scope, remove: true })).left, []);
    assert.deepEqual((await run({ scope })).left, []);
  });

  test('a sweep spares what shall stay and what belongs to others', async () => {
    const vpc = effectRunner('vpc', createAwsEffects(cloud.clients, { bucket }).vpc);
    const inputs = [1, 2, 3].map((n) => ({
      owner: someOwner('vpc'),
      plan: { cidr: `172.16.${n * 2}.0/23` },
    }));
    const [first, second, third] = await Promise.all(inputs.map((input) => vpc.create(input)));
    // The second belongs to the operation of the first, too.
    const Tags = [{ Key: 'zonewright:operation', Value: inputs[0]?.owner.operation ?? '' }];
    await cloud.clients.ec2.send(new CreateTagsCommand({ Resources: [second?.id ?? ''], Tags }));
    const scope = { operation: inputs[0]?.owner.operation ?? '' };
    const { left } = await run({ scope, kept: [first?.id ?? ''], remove: true });
    assert.deepEqual(left, []);
    const { Vpcs = [] } = await cloud.clients.ec2.send(new DescribeVpcsCommand({}));
    const ids = Vpcs.map(({ VpcId }) => VpcId);
    assert.deepEqual(
      [first, second, third].map((ref) => ids.includes(ref?.id)),
      [true, false, true],
    );
  });

  test('the account is named, and wrong credentials are refused for good', async () => {
    const identity = (clients = cloud.clients) =>
      inActivity(() => accountChecks(clients)['account.identity']({}));
    assert.match((await identity()).accountId, /^\d{12}$/);
    const credentials = { accessKeyId: 'AKIANOBODY', secretAccessKey: 'wrong' };
    const strangers = connect({
      region: REGION,
      endpoint: cloud.front.url,
      credentials,
      requestTimeoutMs: 5_000,
    });
    await assert.rejects(identity(strangers), (error: Error & { type?: string }) => {
      assert.equal(error.type, 'CloudRefused');
      assert.match(error.message, /^Cannot find out whose credentials these are: /);
      return true;
    });
    for (const client of Object.values(strangers)) client.destroy();
  });

  test('permissions are tried without doing anything', async () => {
    const addresses = async () =>
      (await cloud.clients.ec2.send(new DescribeAddressesCommand({}))).Addresses?.length;
    const before = await addresses();
    const check = accountChecks(cloud.clients)['permissions.check'];
    const { tried } = await inActivity(() => check({ kinds: ['internet-gateway', 'elastic-ip', 'role'] }));
    assert.deepEqual(tried, ['internet-gateway', 'elastic-ip']);
    assert.equal(await addresses(), before);
  });
});
