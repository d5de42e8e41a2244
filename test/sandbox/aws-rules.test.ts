import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  AllocateAddressCommand,
  AssociateRouteTableCommand,
  AttachInternetGatewayCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateInternetGatewayCommand,
  CreateNatGatewayCommand,
  CreateRouteCommand,
  CreateRouteTableCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateTagsCommand,
  CreateVolumeCommand,
  CreateVpcCommand,
  DeleteNatGatewayCommand,
  DeleteRouteTableCommand,
  DeleteSecurityGroupCommand,
  DeleteSubnetCommand,
  DeleteVpcCommand,
  DescribeAddressesCommand,
  DescribeInstancesCommand,
  DescribeNatGatewaysCommand,
  DescribeNetworkInterfacesCommand,
  DescribeRouteTablesCommand,
  DescribeVpcsCommand,
  DetachInternetGatewayCommand,
  ReleaseAddressCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
} from '@aws-sdk/client-iam';
import { refusal, startFront, until } from './aws-front.ts';
import type { TestFront } from './aws-front.ts';

let front: TestFront;
before(async () => {
  front = await startFront();
});
after(() => front[Symbol.asyncDispose]());

let block = 0;
async function makeNetwork(): Promise<{ VpcId: string; SubnetId: string; other: string }> {
  const prefix = `172.${16 + block++}.0`;
  const { Vpc } = await front.ec2.send(new CreateVpcCommand({ CidrBlock: `${prefix}.0/23` }));
  const VpcId = Vpc!.VpcId!;
  const subnet = async (cidr: string, AvailabilityZone: string): Promise<string> => {
    const made = await front.ec2.send(new CreateSubnetCommand({ VpcId, CidrBlock: cidr, AvailabilityZone }));
    return made.Subnet!.SubnetId!;
  };
  const SubnetId = await subnet(`${prefix}.0/26`, 'us-east-1a');
  return { VpcId, SubnetId, other: await subnet(`${prefix}.64/26`, 'us-east-1b') };
}

async function attachInternet(VpcId: string): Promise<string> {
  const { InternetGateway } = await front.ec2.send(new CreateInternetGatewayCommand({}));
  const InternetGatewayId = InternetGateway!.InternetGatewayId!;
  await front.ec2.send(new AttachInternetGatewayCommand({ VpcId, InternetGatewayId }));
  return InternetGatewayId;
}

const natGateway = async (id: string) =>
  (await front.ec2.send(new DescribeNatGatewaysCommand({ NatGatewayIds: [id] }))).NatGateways![0]!;

test('an account begins without a default VPC', async () => {
  const { Vpcs } = await front.ec2.send(new DescribeVpcsCommand({}));
  assert.deepEqual(
    Vpcs?.filter((vpc) => vpc.IsDefault),
    [],
  );
});

// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
test('a repeated launch answers the same instance as it is now; other parameters and ended instances are refused', async () => {
  const { SubnetId, other } = await makeNetwork();
  const input = { ImageId: front.sourceImageId, SubnetId, MinCount: 1, MaxCount: 1, ClientToken: 'step-1' };
  const launch = async (more: object = {}): Promise<[string, string]> => {
    const { Instances } = await front.ec2.send(new RunInstancesCommand({ ...input, ...more }));
    return [Instances![0]!.InstanceId!, Instances![0]!.State!.Name!];
  };
  const [id, state] = await launch();
  assert.equal(state, 'pending');
  await until(async () => (await launch())[1] === 'running');
  assert.equal((await launch())[0], id);
  assert.equal(await refusal(launch({ InstanceType: 't3.large' })), 'IdempotentParameterMismatch');
  // Tokens are zonal: the same one makes another instance in another zone.
  assert.notEqual((await launch({ SubnetId: other }))[0], id);
  const { Reservations } = await front.ec2.send(
    new DescribeInstancesCommand({ Filters: [{ Name: 'client-token', Values: ['step-1'] }] }),
  );
  assert.equal(Reservations?.length, 2);
  await front.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  assert.equal(await refusal(launch()), 'IdempotentInstanceTerminated');
});

// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
test('launches that arrive at once with one token make one instance', async () => {
  const { SubnetId } = await makeNetwork();
  const input = { ImageId: front.sourceImageId, SubnetId, MinCount: 1, MaxCount: 1, ClientToken: 'at-once' };
  const answers = await Promise.all([1, 2, 3, 4].map(() => front.ec2.send(new RunInstancesCommand(input))));
  assert.equal(new Set(answers.map(({ Instances }) => Instances![0]!.InstanceId)).size, 1);
});

// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
test('tokens of route tables and volumes hold too', async () => {
  const { VpcId } = await makeNetwork();
  const table = async (vpc: string) =>
    (await front.ec2.send(new CreateRouteTableCommand({ VpcId: vpc, ClientToken: 'table' }))).RouteTable!
      .RouteTableId;
  assert.equal(await table(VpcId), await table(VpcId));
  assert.equal(await refusal(table((await makeNetwork()).VpcId)), 'IdempotentParameterMismatch');
  const { RouteTables } = await front.ec2.send(
    new DescribeRouteTablesCommand({ Filters: [{ Name: 'vpc-id', Values: [VpcId] }] }),
  );
  assert.equal(RouteTables?.length, 2, 'the main table and the one made');
  const volume = async () =>
    (
      await front.ec2.send(
        new CreateVolumeCommand({ AvailabilityZone: 'us-east-1a', Size: 8, ClientToken: 'volume' }),
      )
    ).VolumeId;
  assert.equal(await volume(), await volume());
});

// https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-working-with.html
test('a NAT gateway is pending, then available, takes a free address of its subnet, and lets go of everything', async () => {
  const { VpcId, SubnetId } = await makeNetwork();
  await attachInternet(VpcId);
  const { AllocationId } = await front.ec2.send(new AllocateAddressCommand({ Domain: 'vpc' }));
  const create = async () =>
    (await front.ec2.send(new CreateNatGatewayCommand({ SubnetId, AllocationId, ClientToken: 'nat' })))
      .NatGateway!;
  const { NatGatewayId: id = '', State, NatGatewayAddresses } = await create();
  assert.equal(State, 'pending');
  assert.match(NatGatewayAddresses![0]!.PrivateIp!, /^172\.\d+\.0\.4$/);
  assert.equal(front.network.model?.natGateways.find((each) => each.id === id)?.available, false);
  await until(async () => (await natGateway(id)).State === 'available');
  assert.equal((await create()).NatGatewayId, id);
  const tagged = async (value: string): Promise<number> => {
    const Filter = [{ Name: 'tag:owner', Values: [value] }];
    return (await front.ec2.send(new DescribeNatGatewaysCommand({ Filter }))).NatGateways!.length;
  };
  await front.ec2.send(new CreateTagsCommand({ Resources: [id], Tags: [{ Key: 'owner', Value: 'us' }] }));
  assert.deepEqual([await tagged('us'), await tagged('them')], [1, 0], 'found by its tags only');
  await until(async () => front.network.model?.natGateways.find((each) => each.id === id)?.available);
  assert.equal(
    await refusal(front.ec2.send(new ReleaseAddressCommand({ AllocationId }))),
    'InvalidIPAddress.InUse',
  );
  await front.ec2.send(new DeleteNatGatewayCommand({ NatGatewayId: id }));
  assert.equal((await natGateway(id)).State, 'deleting');
  assert.equal(await refusal(front.ec2.send(new DeleteSubnetCommand({ SubnetId }))), 'DependencyViolation');
  await until(async () => (await natGateway(id)).State === 'deleted');
  const { Addresses } = await until(async () => {
    const found = await front.ec2.send(new DescribeAddressesCommand({ AllocationIds: [AllocationId!] }));
    return found.Addresses?.[0]?.AssociationId === undefined && found;
  });
  assert.equal(Addresses?.length, 1);
  await front.ec2.send(new ReleaseAddressCommand({ AllocationId }));
  await front.ec2.send(new DeleteSubnetCommand({ SubnetId }));
});

// https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html
test('a NAT gateway in a VPC without internet gateway fails and says why', async () => {
  const { SubnetId } = await makeNetwork();
  const { AllocationId } = await front.ec2.send(new AllocateAddressCommand({ Domain: 'vpc' }));
  const { NatGateway } = await front.ec2.send(new CreateNatGatewayCommand({ SubnetId, AllocationId }));
  const failed = await until(async () => {
    const found = await natGateway(NatGateway!.NatGatewayId!);
    return found.State === 'failed' && found;
  });
  assert.equal(failed.FailureCode, 'Gateway.NotAttached');
});

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: DependencyViolation
test('what is in use is not deleted, and in the right order all of it is', async () => {
  const { VpcId, SubnetId, other } = await makeNetwork();
  const group = async (GroupName: string): Promise<string> =>
    (await front.ec2.send(new CreateSecurityGroupCommand({ VpcId, GroupName, Description: GroupName })))
      .GroupId!;
  const [used, referring] = [await group('used'), await group('referring')];
  await front.ec2.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId: referring,
      IpPermissions: [{ IpProtocol: 'tcp', FromPort: 22, ToPort: 22, UserIdGroupPairs: [{ GroupId: used }] }],
    }),
  );
  const rules = front.network.model?.securityGroups.find(({ id }) => id === referring)?.ingress;
  assert.deepEqual(rules, [{ protocol: 'tcp', fromPort: 22, toPort: 22, peer: { securityGroupId: used } }]);
  const InternetGatewayId = await attachInternet(VpcId);
  const { RouteTable } = await front.ec2.send(new CreateRouteTableCommand({ VpcId }));
  const RouteTableId = RouteTable!.RouteTableId!;
  const { AssociationId } = await front.ec2.send(new AssociateRouteTableCommand({ RouteTableId, SubnetId }));
  assert.ok(AssociationId);
  await front.ec2.send(
    new CreateRouteCommand({ RouteTableId, DestinationCidrBlock: '0.0.0.0/0', GatewayId: InternetGatewayId }),
  );
  const model = front.network.model!;
  assert.equal(model.subnets.find(({ id }) => id === SubnetId)?.routeTableId, RouteTableId);
  assert.deepEqual(model.routeTables.find(({ id }) => id === RouteTableId)?.routes, [
    { destination: '0.0.0.0/0', target: { kind: 'internet-gateway' } },
  ]);
  const input = {
    ImageId: front.sourceImageId,
    SubnetId,
    MinCount: 1,
    MaxCount: 1,
    SecurityGroupIds: [used],
  };
  const { Instances } = await front.ec2.send(new RunInstancesCommand(input));
  const InstanceId = Instances![0]!.InstanceId!;
  const codes = await Promise.all(
    [
      front.ec2.send(new DeleteSubnetCommand({ SubnetId })),
      front.ec2.send(new DeleteSecurityGroupCommand({ GroupId: used })),
      front.ec2.send(new DeleteRouteTableCommand({ RouteTableId })),
      front.ec2.send(new DeleteVpcCommand({ VpcId })),
    ].map(refusal),
  );
  assert.deepEqual([...new Set(codes)], ['DependencyViolation']);
  await front.ec2.send(new TerminateInstancesCommand({ InstanceIds: [InstanceId] }));
  await until(async () => {
    const { NetworkInterfaces } = await front.ec2.send(
      new DescribeNetworkInterfacesCommand({ Filters: [{ Name: 'vpc-id', Values: [VpcId] }] }),
    );
    return NetworkInterfaces?.length === 0;
  });
  assert.equal(
    await refusal(front.ec2.send(new DeleteSecurityGroupCommand({ GroupId: used }))),
    'DependencyViolation',
  );
  await front.ec2.send(new DeleteSecurityGroupCommand({ GroupId: referring }));
  await front.ec2.send(new DeleteSecurityGroupCommand({ GroupId: used }));
  for (const id of [SubnetId, other]) await front.ec2.send(new DeleteSubnetCommand({ SubnetId: id }));
  await front.ec2.send(new DeleteRouteTableCommand({ RouteTableId }));
  assert.equal(await refusal(front.ec2.send(new DeleteVpcCommand({ VpcId }))), 'DependencyViolation');
  await front.ec2.send(new DetachInternetGatewayCommand({ VpcId, InternetGatewayId }));
  await front.ec2.send(new DeleteVpcCommand({ VpcId }));
  assert.equal(
    front.network.model?.vpcs.some(({ id }) => id === VpcId),
    false,
  );
});

// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html#troubleshoot_general_eventual-consistency
test('a new instance profile is unseen by launches for a while', async () => {
  const { SubnetId } = await makeNetwork();
  const names = { InstanceProfileName: 'fresh', RoleName: 'fresh' };
  await front.iam.send(new CreateRoleCommand({ RoleName: 'fresh', AssumeRolePolicyDocument: '{}' }));
  await front.iam.send(new CreateInstanceProfileCommand(names));
  await front.iam.send(new AddRoleToInstanceProfileCommand(names));
  const common = { ImageId: front.sourceImageId, SubnetId, MinCount: 1, MaxCount: 1 };
  const launch = () =>
    front.ec2.send(new RunInstancesCommand({ ...common, IamInstanceProfile: { Name: 'fresh' } }));
  await assert.rejects(launch(), {
    name: 'InvalidParameterValue',
    message:
      'Value (fresh) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name',
  });
  const { Instances } = await until(() => launch().catch(() => undefined));
  assert.match(Instances![0]!.IamInstanceProfile!.Arn!, /instance-profile\/fresh$/);
});
