/** Launches one instance from an AMI in a network of its own, by plain calls to the front. */
import {
  AttachInternetGatewayCommand,
  CreateInternetGatewayCommand,
  CreateRouteCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeRouteTablesCommand,
  EC2Client,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SandboxState } from '../sandbox/state.ts';

const POLL_MS = 50;

export interface Ground {
  readonly imageId: string;
  readonly subnetId: string;
  readonly securityGroupId: string;
}

export const ec2Of = ({ region, awsEndpoint, accessKeyId, secretAccessKey }: SandboxState): EC2Client =>
  new EC2Client({ region, endpoint: awsEndpoint, credentials: { accessKeyId, secretAccessKey } });

/** A VPC with one public subnet, and the sandbox's source image. */
export async function makeGround(ec2: EC2Client, { sourceImageName }: SandboxState): Promise<Ground> {
  const named = { Filters: [{ Name: 'name', Values: [sourceImageName] }] };
  const imageId = (await ec2.send(new DescribeImagesCommand(named))).Images?.[0]?.ImageId ?? '';
  const VpcId = (await ec2.send(new CreateVpcCommand({ CidrBlock: '10.250.0.0/24' }))).Vpc?.VpcId ?? '';
  const subnet = await ec2.send(new CreateSubnetCommand({ VpcId, CidrBlock: '10.250.0.0/24' }));
  const gateway = await ec2.send(new CreateInternetGatewayCommand({}));
  const GatewayId = gateway.InternetGateway?.InternetGatewayId ?? '';
  await ec2.send(new AttachInternetGatewayCommand({ VpcId, InternetGatewayId: GatewayId }));
  const ofVpc = { Filters: [{ Name: 'vpc-id', Values: [VpcId] }] };
  const tables = await ec2.send(new DescribeRouteTablesCommand(ofVpc));
  const RouteTableId = tables.RouteTables?.[0]?.RouteTableId ?? '';
  await ec2.send(new CreateRouteCommand({ RouteTableId, GatewayId, DestinationCidrBlock: '0.0.0.0/0' }));
  const group = { VpcId, GroupName: 'bench', Description: 'bench' };
  const securityGroupId = (await ec2.send(new CreateSecurityGroupCommand(group))).GroupId ?? '';
  return { imageId, subnetId: subnet.Subnet?.SubnetId ?? '', securityGroupId };
}

/** Id of a new instance with an address to reach the world by; returns as soon as the call does. */
export async function runInstance(ec2: EC2Client, ground: Ground, userData: string): Promise<string> {
  const { Instances } = await ec2.send(
    new RunInstancesCommand({
      ...{ ImageId: ground.imageId, InstanceType: 't3.medium', MinCount: 1, MaxCount: 1 },
      UserData: Buffer.from(userData).toString('base64'),
      NetworkInterfaces: [
        {
          ...{ DeviceIndex: 0, AssociatePublicIpAddress: true },
          ...{ SubnetId: ground.subnetId, Groups: [ground.securityGroupId] },
        },
      ],
    }),
  );
  return Instances?.[0]?.InstanceId ?? '';
}

/** @throws {Error} when it takes longer than `limitMs` */
export async function until(what: string, limitMs: number, look: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await look())) {
    if (performance.now() > end) throw new Error(`Cannot wait for ${what}: not within ${limitMs / 1000} s`);
    await sleep(POLL_MS);
  }
}

export async function terminate(ec2: EC2Client, id: string): Promise<void> {
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  await until(`the end of ${id}`, 60_000, async () => (await stateOf(ec2, id)) === 'terminated');
}

export async function stateOf(ec2: EC2Client, id: string): Promise<string | undefined> {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations?.[0]?.Instances?.[0]?.State?.Name;
}
