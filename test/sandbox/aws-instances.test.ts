import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  AllocateAddressCommand,
  AssociateAddressCommand,
  CreateImageCommand,
  CreateNetworkInterfaceCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateTagsCommand,
  CreateVpcCommand,
  DeleteSnapshotCommand,
  DeregisterImageCommand,
  DescribeAddressesCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSnapshotsCommand,
  GetConsoleOutputCommand,
  ModifyInstanceAttributeCommand,
  RegisterImageCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { Instance, RunInstancesCommandInput, TagSpecification } from '@aws-sdk/client-ec2';
import { refusal, startFront, until } from './aws-front.ts';
import type { TestFront } from './aws-front.ts';

let front: TestFront;
let SubnetId: string;
let groupId: string;
before(async () => {
  front = await startFront();
  const { Vpc } = await front.ec2.send(new CreateVpcCommand({ CidrBlock: '172.16.0.0/23' }));
  const { VpcId } = Vpc!;
  const { Subnet } = await front.ec2.send(
    new CreateSubnetCommand({ VpcId, CidrBlock: '172.16.0.0/26', AvailabilityZone: 'us-east-1a' }),
  );
  SubnetId = Subnet!.SubnetId!;
  const group = await front.ec2.send(
    new CreateSecurityGroupCommand({ VpcId, GroupName: 'border', Description: 'border' }),
  );
  groupId = group.GroupId!;
});
after(() => front[Symbol.asyncDispose]());

const launch = async (input: Partial<RunInstancesCommandInput> = {}): Promise<Instance> => {
  const ImageId = front.sourceImageId;
  const common = { ImageId, SubnetId, MinCount: 1, MaxCount: 1, InstanceType: 't3.small' } as const;
  const { Instances } = await front.ec2.send(new RunInstancesCommand({ ...common, ...input }));
  return Instances![0]!;
};
const look = async (id: string): Promise<Instance> => {
  const found = await front.ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return found.Reservations![0]!.Instances![0]!;
};
const reach = (id: string, state: string): Promise<Instance> =>
  until(async () => {
    const instance = await look(id);
    return instance.State?.Name === state && instance;
  });

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
test('an instance is pending until its machine runs, then stopping, stopped, shutting down and terminated', async () => {
  front.machines.bootMs = 300;
  const tags: TagSpecification = { ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'a' }] };
  const { InstanceId: id = '', ...started } = await launch({
    PrivateIpAddress: '172.16.0.10',
    SecurityGroupIds: [groupId],
    TagSpecifications: [tags],
  });
  assert.equal(started.State?.Name, 'pending');
  assert.equal(started.ImageId, front.sourceImageId);
  assert.equal((await look(id)).State?.Name, 'pending');
  const running = await reach(id, 'running');
  front.machines.bootMs = 50;
  assert.deepEqual(
    [running.PrivateIpAddress, running.Tags, running.SecurityGroups?.[0]?.GroupId],
    ['172.16.0.10', [{ Key: 'Name', Value: 'a' }], groupId],
  );
  const spec = front.machines.booted.find(({ instanceId }) => instanceId === id);
  assert.equal(spec?.hostname, 'ip-172-16-0-10');
  assert.deepEqual(spec?.layers, [join(front.home, 'source')]);
  assert.equal(
    front.network.model?.interfaces.find(({ id: each }) => each === spec?.interfaceId)?.privateIp,
    '172.16.0.10',
  );
  const stop = await front.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
  assert.equal(stop.StoppingInstances?.[0]?.CurrentState?.Name, 'stopping');
  const stopped = await reach(id, 'stopped');
  assert.equal(stopped.StateReason?.Code, 'Client.UserInitiatedShutdown');
  await front.ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
  await reach(id, 'running');
  const end = await front.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  assert.equal(end.TerminatingInstances?.[0]?.CurrentState?.Name, 'shutting-down');
  const gone = await reach(id, 'terminated');
  assert.equal(gone.PrivateIpAddress, undefined);
  assert.ok(front.machines.removed.includes(id));
  assert.deepEqual(front.network.model?.interfaces, []);
  // Its interface is gone, so the address is free again.
  assert.equal((await launch({ PrivateIpAddress: '172.16.0.10' })).PrivateIpAddress, '172.16.0.10');
});

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html: filters
test('filters on the state and the image see what the front knows', async () => {
  const { InstanceId: id = '' } = await launch();
  await reach(id, 'running');
  const list = async (Name: string, value: string): Promise<string[]> => {
    const found = await front.ec2.send(
      new DescribeInstancesCommand({ Filters: [{ Name, Values: [value] }] }),
    );
    return found.Reservations!.flatMap((each) => each.Instances!.map(({ InstanceId }) => InstanceId!));
  };
  assert.ok((await list('instance-state-name', 'running')).includes(id));
  assert.ok(!(await list('instance-state-name', 'stopped')).includes(id));
  assert.ok((await list('image-id', front.sourceImageId)).includes(id));
});

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingInstanceInitiatedShutdownBehavior.html
test('a machine that powers off by itself is stopped, or terminated where that was asked for', async () => {
  const { InstanceId: kept = '' } = await launch({ InstanceInitiatedShutdownBehavior: 'stop' });
  const { InstanceId: ended = '' } = await launch({ InstanceInitiatedShutdownBehavior: 'terminate' });
  await Promise.all([reach(kept, 'running'), reach(ended, 'running')]);
  front.machines.exit(kept, 'poweroff');
  front.machines.exit(ended, 'poweroff');
  const stopped = await reach(kept, 'stopped');
  assert.equal(stopped.StateReason?.Code, 'Client.InstanceInitiatedShutdown');
  await reach(ended, 'terminated');
});

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html and API_RunInstances.html
test('what AWS refuses of a launch is refused', async () => {
  const long = Buffer.alloc(16 * 1024 + 1, 'x').toString('base64');
  assert.equal(await refusal(launch({ UserData: long })), 'InvalidParameterValue');
  assert.equal(await refusal(launch({ ImageId: 'ami-0123456789abcdef0' })), 'InvalidAMIID.NotFound');
  await launch({ PrivateIpAddress: '172.16.0.20' });
  assert.equal(await refusal(launch({ PrivateIpAddress: '172.16.0.20' })), 'InvalidIPAddress.InUse');
  assert.equal(await refusal(launch({ PrivateIpAddress: '172.16.0.3' })), 'InvalidParameterValue');
  assert.equal(await refusal(launch({ PrivateIpAddress: '172.16.9.9' })), 'InvalidParameterValue');
  assert.equal(await refusal(look('i-0123456789abcdef0')), 'InvalidInstanceID.NotFound');
});

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-console.html
test('console output is what the machine wrote', async () => {
  const { InstanceId } = await launch();
  const { Output } = await front.ec2.send(new GetConsoleOutputCommand({ InstanceId }));
  assert.equal(Buffer.from(Output!, 'base64').toString(), `console of ${InstanceId}\n`);
});

// https://docs.aws.amazon.com/vpc/latest/userguide/WorkWithEIPs.html
test('Elastic IPs come from the sandbox, reach the network, and are free after their instance ended', async () => {
  const { InstanceId: id = '' } = await launch();
  await reach(id, 'running');
  assert.equal((await look(id)).PublicIpAddress, undefined);
  const { AllocationId, PublicIp } = await front.ec2.send(new AllocateAddressCommand({ Domain: 'vpc' }));
  assert.match(PublicIp!, /^198\.18\.1\./);
  await front.ec2.send(new AssociateAddressCommand({ AllocationId, InstanceId: id }));
  assert.equal(front.network.model?.interfaces.find((each) => each.instanceId === id)?.publicIp, PublicIp);
  assert.equal((await look(id)).PublicIpAddress, PublicIp);
  await front.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  await reach(id, 'terminated');
  const { Addresses } = await front.ec2.send(
    new DescribeAddressesCommand({ AllocationIds: [AllocationId!] }),
  );
  assert.equal(Addresses?.[0]?.AssociationId, undefined);
});

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html
test('an Elastic IP moves from one instance to another, unless that is forbidden', async () => {
  const [{ InstanceId: one = '' }, { InstanceId: two = '' }] = [await launch(), await launch()];
  await Promise.all([reach(one, 'running'), reach(two, 'running')]);
  const { AllocationId, PublicIp } = await front.ec2.send(new AllocateAddressCommand({ Domain: 'vpc' }));
  const associate = (InstanceId: string, more: object = {}) =>
    front.ec2.send(new AssociateAddressCommand({ AllocationId, InstanceId, ...more }));
  const first = await associate(one);
  assert.equal((await associate(one)).AssociationId, first.AssociationId);
  assert.equal(await refusal(associate(two, { AllowReassociation: false })), 'Resource.AlreadyAssociated');
  await associate(two);
  assert.deepEqual(
    [(await look(one)).PublicIpAddress, (await look(two)).PublicIpAddress],
    [undefined, PublicIp],
  );
  const holders = front.network.model?.interfaces.filter(({ publicIp }) => publicIp === PublicIp);
  assert.deepEqual(
    holders?.map(({ instanceId }) => instanceId),
    [two],
  );
});

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html
test('an interface that was there before survives its instance, and its source check reaches the network', async () => {
  const made = await front.ec2.send(
    new CreateNetworkInterfaceCommand({ SubnetId, PrivateIpAddress: '172.16.0.30' }),
  );
  const NetworkInterfaceId = made.NetworkInterface!.NetworkInterfaceId!;
  const { Instances } = await front.ec2.send(
    new RunInstancesCommand({
      ...{ ImageId: front.sourceImageId, MinCount: 1, MaxCount: 1 },
      NetworkInterfaces: [{ DeviceIndex: 0, NetworkInterfaceId }],
    }),
  );
  const { InstanceId: id = '' } = Instances![0]!;
  assert.equal((await reach(id, 'running')).PrivateIpAddress, '172.16.0.30');
  await front.ec2.send(
    new ModifyInstanceAttributeCommand({ InstanceId: id, SourceDestCheck: { Value: false } }),
  );
  assert.equal(
    front.network.model?.interfaces.find((each) => each.instanceId === id)?.sourceDestCheck,
    false,
  );
  await front.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  await reach(id, 'terminated');
  const { NetworkInterfaces } = await front.ec2.send(
    new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [NetworkInterfaceId] }),
  );
  assert.deepEqual(
    [NetworkInterfaces?.[0]?.Status, NetworkInterfaces?.[0]?.Attachment],
    ['available', undefined],
  );
});

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html
test('an image of a stopped instance is its disk over the layers below, kept until image and snapshot go', async () => {
  const { InstanceId: id = '' } = await launch();
  await reach(id, 'running');
  await front.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
  await reach(id, 'stopped');
  const tags = [{ Key: 'recipe', Value: 'zone' }];
  const TagSpecifications = [
    { ResourceType: 'image', Tags: tags },
    { ResourceType: 'snapshot', Tags: tags },
  ] as const;
  const create = new CreateImageCommand({
    InstanceId: id,
    Name: 'zone-1',
    TagSpecifications: [...TagSpecifications],
  });
  const { ImageId = '' } = await front.ec2.send(create);
  // The name is used once, whoever asks.
  assert.equal(await refusal(front.ec2.send(create)), 'InvalidAMIName.Duplicate');
  const describe = async () =>
    (await front.ec2.send(new DescribeImagesCommand({ ImageIds: [ImageId] }))).Images![0]!;
  assert.equal((await describe()).State, 'pending');
  assert.equal(await refusal(launch({ ImageId })), 'InvalidAMIID.Unavailable');
  await until(async () => (await describe()).State === 'available');
  const byTag = await front.ec2.send(
    new DescribeImagesCommand({ Owners: ['self'], Filters: [{ Name: 'tag:recipe', Values: ['zone'] }] }),
  );
  assert.deepEqual(
    byTag.Images?.map((image) => image.ImageId),
    [ImageId],
  );
  const snapshotId = (await describe()).BlockDeviceMappings![0]!.Ebs!.SnapshotId!;
  const { Snapshots } = await front.ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: [snapshotId] }));
  assert.deepEqual([Snapshots?.[0]?.State, Snapshots?.[0]?.Tags], ['completed', tags]);
  await front.ec2.send(
    new CreateTagsCommand({ Resources: [ImageId, snapshotId], Tags: [{ Key: 'verified', Value: 'yes' }] }),
  );
  assert.ok((await describe()).Tags?.some(({ Key }) => Key === 'verified'));
  const { InstanceId: second = '' } = await launch({ ImageId });
  await reach(second, 'running');
  const [own, below] = front.machines.booted.find((spec) => spec.instanceId === second)!.layers;
  assert.ok(existsSync(join(own!, 'written-by')));
  assert.equal(below, join(front.home, 'source'));
  const remove = new DeleteSnapshotCommand({ SnapshotId: snapshotId });
  assert.equal(await refusal(front.ec2.send(remove)), 'InvalidSnapshot.InUse');
  await front.ec2.send(new DeregisterImageCommand({ ImageId }));
  await front.ec2.send(remove);
  assert.ok(existsSync(own!), 'a running instance stands on the layer');
  await front.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id, second] }));
  await Promise.all([reach(id, 'terminated'), reach(second, 'terminated')]);
  assert.equal(existsSync(own!), false);
});

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
test('an image registered from a snapshot keeps the snapshot’s id and asks for IMDSv2', async () => {
  const { InstanceId: id = '' } = await launch();
  await reach(id, 'running');
  await front.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
  await reach(id, 'stopped');
  const { ImageId: first = '' } = await front.ec2.send(
    new CreateImageCommand({ InstanceId: id, Name: 'zone-2' }),
  );
  const images = await front.ec2.send(new DescribeImagesCommand({ ImageIds: [first] }));
  const SnapshotId = images.Images![0]!.BlockDeviceMappings![0]!.Ebs!.SnapshotId!;
  const { ImageId = '' } = await front.ec2.send(
    new RegisterImageCommand({
      ...{ Name: 'zone-3', RootDeviceName: '/dev/xvda', ImdsSupport: 'v2.0' },
      BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { SnapshotId } }],
    }),
  );
  const described = await front.ec2.send(new DescribeImagesCommand({ ImageIds: [ImageId] }));
  assert.equal(described.Images?.[0]?.BlockDeviceMappings?.[0]?.Ebs?.SnapshotId, SnapshotId);
  assert.equal(described.Images?.[0]?.ImdsSupport, 'v2.0');
  await until(async () => {
    const { Images } = await front.ec2.send(new DescribeImagesCommand({ ImageIds: [ImageId] }));
    return Images?.[0]?.State === 'available';
  });
  assert.equal((await launch({ ImageId })).MetadataOptions?.HttpTokens, 'required');
});
