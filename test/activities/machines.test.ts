import {
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeImagesCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  DescribeSnapshotsCommand,
  DeregisterImageCommand,
  StopInstancesCommand,
  type EC2Client,
  type Image,
} from '@aws-sdk/client-ec2';
import { CreateRoleCommand, GetRolePolicyCommand } from '@aws-sdk/client-iam';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { tagList } from '../../activities/cloud/tags.ts';
import { stepToken } from '../../activities/effect.ts';
import { elasticIpAssociationEffect } from '../../activities/elastic-ip-association.ts';
import { elasticIpEffect } from '../../activities/elastic-ip.ts';
import { imageVerificationEffect } from '../../activities/image-verification.ts';
import { imageEffect } from '../../activities/image.ts';
import { instanceProfileEffect } from '../../activities/instance-profile.ts';
import { instanceEffect } from '../../activities/instance.ts';
import { internetGatewayEffect } from '../../activities/internet-gateway.ts';
import { IAM_PATH, roleEffect } from '../../activities/role.ts';
import { imageChecks } from '../../activities/checks/images.ts';
import { instanceChecks } from '../../activities/checks/instances.ts';
import type { PlanOf } from '../../domain/resources/index.ts';
import { ownerTags, type Owner } from '../../domain/resources/resource.ts';
import { startCloud, type Cloud } from './emulator.ts';
import { deleteUntilGone, effectRunner, inActivity, someOwner, untilSettled } from './run-effect.ts';

const signal = new AbortController().signal;
const contextOf = (owner: Owner, attempt: number) => ({
  owner,
  token: stepToken(owner),
  tags: ownerTags(owner, attempt),
  signal,
});

suite('effects of machines', () => {
  let cloud: Cloud;
  let plan: PlanOf<'instance'>;

  before(async () => {
    cloud = await startCloud();
    const { ec2 } = cloud.clients;
    const VpcId = (await ec2.send(new CreateVpcCommand({ CidrBlock: '10.8.0.0/16' }))).Vpc?.VpcId ?? '';
    const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId, CidrBlock: '10.8.0.0/24' }));
    const gateways = effectRunner('internet-gateway', internetGatewayEffect(cloud.clients));
    await gateways.create({ owner: someOwner('igw'), plan: { vpcId: VpcId } });
    const group = new CreateSecurityGroupCommand({ VpcId, GroupName: 'machines', Description: 'test' });
    const { GroupId } = await ec2.send(group);
    const role = effectRunner('role', roleEffect(cloud.clients));
    await role.create({ owner: someOwner('role'), plan: { roleName: 'machine', statements: [] } });
    const profile = effectRunner('instance-profile', instanceProfileEffect(cloud.clients));
    const profilePlan = { profileName: 'machine', roleName: 'machine' };
    await profile.create({ owner: someOwner('profile'), plan: profilePlan });
    plan = {
      imageId: cloud.front.sourceImageId,
      instanceType: 't3.micro',
      subnetId: Subnet?.SubnetId ?? '',
      publicIp: false,
      securityGroupIds: [GroupId ?? ''],
      profileName: 'machine',
      userData: '#cloud-config\n',
      shutdownBehavior: 'stop',
      sourceDestCheck: false,
      metadataHopLimit: 1,
    };
  });
  after(() => cloud.stop());

  test('a role that a crash left without its policy is adopted and gets it', async () => {
    const effect = roleEffect(cloud.clients);
    const role = effectRunner('role', effect);
    const statements = [
      {
        Effect: 'Allow' as const,
        Action: ['s3:GetObject'],
        Resource: ['arn:aws:s3:::store/machines/${aws:userid}/*'],
      },
    ];
    const input = { owner: someOwner('role'), plan: { roleName: 'zone03-worker', statements } };
    const bare = await effect.create(input.plan, contextOf(input.owner, 1));
    assert.deepEqual(await role.create(input, { attempt: 2 }), bare);
    assert.deepEqual(await role.create(input), bare);
    assert.match(bare.arn, new RegExp(`role${IAM_PATH}zone03-worker$`));
    const command = new GetRolePolicyCommand({ RoleName: 'zone03-worker', PolicyName: 'zonewright' });
    const { PolicyDocument = '' } = await cloud.clients.iam.send(command);
    assert.deepEqual(JSON.parse(decodeURIComponent(PolicyDocument)).Statement, statements);
    const other = { ...input, plan: { ...input.plan, statements: [] } };
    await assert.rejects(role.create(other), /policy is /);
    await role.delete(other);
    assert.equal((await role.describe(input)).length, 1);
    const scope = { zone: 'zone03', environment: 'prod.example.com' };
    assert.ok(effect.leftovers !== 'with its parent');
    const left = await effect.leftovers(scope, { signal });
    assert.deepEqual(left.find(({ id }) => id === bare.id)?.step, 'role');
    await role.delete(input);
    await role.delete(input);
    assert.deepEqual(await role.describe(input), []);
  });

  test('a role of that name with our tags but another path is neither adopted nor deleted', async () => {
    const role = effectRunner('role', roleEffect(cloud.clients));
    const input = { owner: someOwner('role'), plan: { roleName: 'planted', statements: [] } };
    const command = new CreateRoleCommand({
      RoleName: 'planted',
      AssumeRolePolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' }],
      }),
      Tags: tagList(ownerTags(input.owner, 1)),
    });
    await cloud.clients.iam.send(command);
    await assert.rejects(role.create(input), { type: 'ForeignResource' });
    await role.delete(input);
    assert.equal((await role.describe(input)).length, 1);
  });

  test('an instance profile that a crash left empty gets its role', async () => {
    const effect = instanceProfileEffect(cloud.clients);
    const profile = effectRunner('instance-profile', effect);
    const input = {
      owner: someOwner('profile'),
      plan: { profileName: 'zone03-worker', roleName: 'machine' },
    };
    const empty = await effect.create(input.plan, contextOf(input.owner, 1));
    assert.deepEqual(await profile.create(input, { attempt: 2 }), empty);
    assert.deepEqual(await profile.create(input), empty);
    const other = { ...input, plan: { ...input.plan, roleName: 'another' } };
    await assert.rejects(profile.create(other), /role is machine, planned another/);
    await profile.delete(input);
    await profile.delete(input);
    assert.deepEqual(await profile.describe(input), []);
  });

  test('an instance is created once, is as planned, and is deleted until terminated', async () => {
    const instance = effectRunner('instance', instanceEffect(cloud.clients));
    const input = { owner: someOwner('instance'), plan: { ...plan, privateIp: '10.8.0.10' } };
    const ref = await instance.create(input);
    assert.equal(ref.privateIp, '10.8.0.10');
    assert.match(ref.networkInterfaceId, /^eni-/);
    assert.deepEqual(await instance.create(input, { attempt: 2 }), ref);
    await untilSettled(() => instance.ready({ ...input, known: ref }));
    const command = new DescribeInstanceAttributeCommand({
      InstanceId: ref.id,
      Attribute: 'sourceDestCheck',
    });
    assert.equal((await cloud.clients.ec2.send(command)).SourceDestCheck?.Value, false);
    const other = { ...input, plan: { ...plan, privateIp: '10.8.0.11' } };
    await assert.rejects(instance.create(other), /address is 10.8.0.10, planned 10.8.0.11/);
    await instance.delete(other);
    assert.equal((await instance.describe(input)).length, 1);
    await deleteUntilGone(instance.delete, input);
    await deleteUntilGone(instance.delete, input);
    assert.deepEqual(await instance.describe(input), []);
    await assert.rejects(instance.ready({ ...input, known: ref }), { type: 'MachineFailed' });
  });

  test('two requests with one token make one instance', async () => {
    const effect = instanceEffect(cloud.clients);
    const owner = someOwner('instance');
    const refs = await Promise.all([1, 2].map(() => effect.create(plan, contextOf(owner, 1))));
    assert.equal(refs[0]?.id, refs[1]?.id);
    await deleteUntilGone(effectRunner('instance', effect).delete, { owner, plan });
  });

  test('a request for an instance is the same in every attempt', async () => {
    const sent: unknown[] = [];
    const effect = instanceEffect({
      ec2: {
        send: (command: { input: unknown }) => {
          sent.push(command.input);
          return Promise.reject(Object.assign(new Error('lost'), { name: 'TimeoutError' }));
        },
      } as never,
    });
    const instance = effectRunner('instance', {
      ...effect,
      describe: () => Promise.resolve([]),
    });
    const input = { owner: someOwner('instance'), plan };
    await assert.rejects(instance.create(input, { attempt: 1 }), { type: 'CloudUnavailable' });
    await assert.rejects(instance.create(input, { attempt: 2 }), { type: 'CloudUnavailable' });
    assert.equal(sent.length, 2);
    assert.deepEqual(sent[0], sent[1]);
    assert.equal((sent[0] as { ClientToken: string }).ClientToken.length, 64);
  });

  test('an Elastic IP is associated once and never taken away from another', async () => {
    const addresses = effectRunner('elastic-ip', elasticIpEffect(cloud.clients));
    const associations = effectRunner('elastic-ip-association', elasticIpAssociationEffect(cloud.clients));
    const instance = effectRunner('instance', instanceEffect(cloud.clients));
    const machine = { owner: someOwner('instance'), plan };
    const { networkInterfaceId } = await instance.create(machine);
    const address = { owner: someOwner('eip'), plan: {} };
    const { id: allocationId } = await addresses.create(address);
    const input = { owner: someOwner('association'), plan: { allocationId, networkInterfaceId } };
    const ref = await associations.create(input);
    assert.deepEqual(await associations.create(input), ref);
    const other = { ...input, plan: { allocationId, networkInterfaceId: 'eni-0' } };
    await assert.rejects(associations.create(other), { type: 'ForeignResource' });
    await associations.delete(other);
    assert.equal((await associations.describe(input)).length, 1);
    await associations.delete(input);
    await associations.delete(input);
    await addresses.delete(address);
    await deleteUntilGone(instance.delete, machine);
  });

  test('an image is made of a stopped instance, verified, found, and deleted with its snapshots', async () => {
    const { ec2 } = cloud.clients;
    const instances = effectRunner('instance', instanceEffect(cloud.clients));
    const images = effectRunner('image', imageEffect(cloud.clients));
    const verifications = effectRunner('image-verification', imageVerificationEffect(cloud.clients));
    const source = await imageOf(ec2, plan.imageId);
    const machine = {
      owner: someOwner('instance'),
      plan: { ...plan, encryptedRoot: source?.RootDeviceName ?? '' },
    };
    const { id: instanceId } = await instances.create(machine);
    const checks = instanceChecks(cloud.clients, { pollMs: 10 });
    const state = (until: 'stopped' | 'running') =>
      inActivity(() => checks['instance.state']({ instanceId, until }));
    await assert.rejects(state('stopped'), { type: 'NotYet' });
    await ec2.send(new StopInstancesCommand({ InstanceIds: [instanceId] }));
    assert.equal((await untilSettled(() => state('stopped'))).state, 'stopped');
    const input = {
      owner: someOwner('image'),
      plan: {
        instanceId,
        imageName: 'zonewright-zone-0123',
        description: 'a zone image',
        imdsV2Only: true,
        lineage: { 'zonewright:recipe': 'zone' },
      },
    };
    const ref = await images.create(input);
    assert.deepEqual(await images.create(input), ref);
    await untilSettled(() => images.ready({ ...input, known: ref }));
    const [found] = await images.describe(input);
    const snapshotIds = found?.ref.snapshotIds ?? [];
    assert.ok(snapshotIds.length > 0);
    const image = await imageOf(ec2, ref.id);
    assert.equal(image?.ImdsSupport, 'v2.0');
    assert.ok(image.BlockDeviceMappings?.every(({ Ebs }) => Ebs?.Encrypted === true));
    const find = (digest: string) => inActivity(() => imageChecks(cloud.clients)['image.find']({ digest }));
    assert.equal(await find('abc'), undefined);
    const verification = { owner: someOwner('verification'), plan: { imageId: ref.id, digest: 'abc' } };
    await verifications.create(verification);
    await verifications.create(verification);
    assert.equal((await find('abc'))?.id, ref.id);
    const other = { ...verification, plan: { imageId: ref.id, digest: 'xyz' } };
    await assert.rejects(verifications.create(other), { type: 'ForeignResource' });
    await verifications.delete(other);
    assert.equal((await find('abc'))?.id, ref.id);
    await verifications.delete(verification);
    await verifications.delete(verification);
    assert.equal(await find('abc'), undefined);
    await deleteUntilGone(images.delete, input);
    await images.delete(input);
    const { Snapshots = [] } = await ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }));
    assert.ok(Snapshots.every(({ SnapshotId }) => !snapshotIds.includes(SnapshotId ?? '')));
    await deleteUntilGone(instances.delete, machine);
  });

  test('snapshots that a crash left after their image was deregistered are deleted', async () => {
    const { ec2 } = cloud.clients;
    const instances = effectRunner('instance', instanceEffect(cloud.clients));
    const images = effectRunner('image', imageEffect(cloud.clients));
    const machine = { owner: someOwner('instance'), plan };
    const builder = await instances.create(machine);
    // EC2 takes no image of an instance that is still pending.
    await untilSettled(() => instances.ready({ ...machine, known: builder }));
    const input = {
      owner: someOwner('image'),
      plan: {
        instanceId: builder.id,
        imageName: 'zonewright-zone-4567',
        description: 'a zone image',
        imdsV2Only: false,
        lineage: {},
      },
    };
    const { id } = await images.create(input);
    await ec2.send(new DeregisterImageCommand({ ImageId: id }));
    const orphans = (await images.describe(input)).filter(({ ref }) => ref.id.startsWith('snap-'));
    assert.equal(orphans.length, 1);
    assert.equal(orphans[0]?.leaving, true);
    await deleteUntilGone(images.delete, input);
    assert.deepEqual(await images.describe(input), []);
    await deleteUntilGone(instances.delete, machine);
  });

  test('a builder that powered itself off before anybody looked was ready; one that EC2 lost was not', async () => {
    const instance = effectRunner('instance', instanceEffect(cloud.clients));
    const { machines } = cloud.front;
    const builder = { owner: someOwner('builder'), plan };
    const ref = await instance.create(builder);
    await untilSettled(() => instance.ready({ ...builder, known: ref }));
    machines.exit(ref.id, 'poweroff');
    const checks = instanceChecks(cloud.clients, { pollMs: 10 });
    const stopped = await untilSettled(() =>
      inActivity(() => checks['instance.state']({ instanceId: ref.id, until: 'stopped' })),
    );
    assert.equal(stopped.code, 'Client.InstanceInitiatedShutdown');
    await instance.ready({ ...builder, known: ref });
    const fleeting = { ...builder, plan: { ...plan, shutdownBehavior: 'terminate' as const } };
    await assert.rejects(instance.ready({ ...fleeting, known: ref }), { type: 'MachineFailed' });
    await deleteUntilGone(instance.delete, builder);
  });

  test('a source image is found by id and by name, an unknown one is named', async () => {
    const checks = imageChecks(cloud.clients);
    const source = (image: string) => inActivity(() => checks['image.source']({ image }));
    const byId = await source(plan.imageId);
    assert.equal(byId.id, plan.imageId);
    assert.equal((await source(byId.name)).name, byId.name);
    await assert.rejects(source('no-such-image'), /Cannot find source image "no-such-image"/);
    await assert.rejects(source('ami-00000000000000000'), { type: 'CloudRefused' });
  });

  test('console output is kept in the store', async () => {
    const { ec2, s3 } = cloud.clients;
    await cloud.bucket('console');
    const instances = effectRunner('instance', instanceEffect(cloud.clients));
    const machine = { owner: someOwner('instance'), plan };
    const { id: instanceId } = await instances.create(machine);
    const store = { bucket: 'console', key: 'bakes/1/console.txt' };
    const checks = instanceChecks(cloud.clients, { pollMs: 10 });
    const kept = await inActivity(() => checks['instance.console']({ instanceId, store }));
    assert.equal(kept.key, store.key);
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: store.bucket, Key: store.key }));
    assert.ok((await Body?.transformToString())?.includes(kept.tail));
    await deleteUntilGone(instances.delete, machine);
    const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
    assert.equal(Reservations?.[0]?.Instances?.[0]?.State?.Name, 'terminated');
    const gone = inActivity(() => checks['instance.state']({ instanceId, until: 'stopped' }));
    await assert.rejects(gone, { type: 'MachineFailed' });
  });
});

async function imageOf(ec2: EC2Client, id: string): Promise<Image | undefined> {
  return (await ec2.send(new DescribeImagesCommand({ ImageIds: [id] }))).Images?.[0];
}
