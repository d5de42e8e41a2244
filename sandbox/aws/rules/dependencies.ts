/**
 * What is in use is not deleted.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: DependencyViolation
 */
import { AwsError } from '../call.ts';
import type { Rule } from '../call.ts';
import type { World } from '../world.ts';
import { itemsOf, textOf } from '../xml.ts';
import type { XmlObject } from '../xml.ts';

interface Deletion {
  readonly parameter: string;
  /** What stands against it, if anything. */
  readonly blocker: (world: World, id: string) => Promise<string | undefined>;
}

const DELETIONS: Readonly<Record<string, Deletion>> = {
  DeleteVpc: { parameter: 'VpcId', blocker: vpcBlocker },
  DeleteSubnet: {
    parameter: 'SubnetId',
    blocker: async (world, id) => {
      const interfaces = await find(
        world,
        'DescribeNetworkInterfaces',
        'networkInterfaceSet',
        'subnet-id',
        id,
      );
      return interfaces.length > 0 ? `The subnet '${id}' has dependencies and cannot be deleted.` : undefined;
    },
  },
  DeleteSecurityGroup: { parameter: 'GroupId', blocker: groupBlocker },
  DetachInternetGateway: {
    parameter: 'VpcId',
    blocker: async (world, id) => {
      const interfaces = await find(world, 'DescribeNetworkInterfaces', 'networkInterfaceSet', 'vpc-id', id);
      const mapped = interfaces.some((each) => textOf(each, 'association', 'publicIp') !== undefined);
      if (!mapped) return undefined;
      return `Network ${id} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`;
    },
  },
  DeleteRouteTable: {
    parameter: 'RouteTableId',
    blocker: async (world, id) => {
      const [table] = itemsOf(
        await world.read('DescribeRouteTables', { 'RouteTableId.1': id }),
        'routeTableSet',
      );
      const blocked = itemsOf(table, 'associationSet').length > 0;
      return blocked ? `The routeTable '${id}' has dependencies and cannot be deleted.` : undefined;
    },
  },
};

export function dependencies(world: World): Rule {
  return {
    name: 'dependencies',
    actions: Object.keys(DELETIONS).map((action) => `ec2:${action}`),
    async apply(call, next) {
      const { parameter, blocker } = DELETIONS[call.action]!;
      const id = call.params.get(parameter);
      const reason = id === null ? undefined : await blocker(world, id);
      if (reason !== undefined) throw new AwsError('DependencyViolation', reason);
      return next(call);
    },
  };
}

async function vpcBlocker(world: World, id: string): Promise<string | undefined> {
  const [subnets, gateways, interfaces, groups, tables] = await Promise.all([
    find(world, 'DescribeSubnets', 'subnetSet', 'vpc-id', id),
    find(world, 'DescribeInternetGateways', 'internetGatewaySet', 'attachment.vpc-id', id),
    find(world, 'DescribeNetworkInterfaces', 'networkInterfaceSet', 'vpc-id', id),
    find(world, 'DescribeSecurityGroups', 'securityGroupInfo', 'vpc-id', id),
    find(world, 'DescribeRouteTables', 'routeTableSet', 'vpc-id', id),
  ]);
  const others =
    groups.filter((group) => group['groupName'] !== 'default').length +
    tables.filter((table) => !isMain(table)).length;
  if (subnets.length + gateways.length + interfaces.length + others === 0) return undefined;
  return `The vpc '${id}' has dependencies and cannot be deleted.`;
}

const isMain = (table: XmlObject): boolean =>
  itemsOf(table, 'associationSet').some((each) => each['main'] === 'true');

async function groupBlocker(world: World, id: string): Promise<string | undefined> {
  const [group] = itemsOf(
    await world.read('DescribeSecurityGroups', { 'GroupId.1': id }),
    'securityGroupInfo',
  );
  if (group?.['groupName'] === 'default') {
    throw new AwsError(
      'CannotDelete',
      `the specified group: "${id}" name: "default" cannot be deleted by a user`,
    );
  }
  const interfaces = await find(world, 'DescribeNetworkInterfaces', 'networkInterfaceSet', 'group-id', id);
  const groups = await find(
    world,
    'DescribeSecurityGroups',
    'securityGroupInfo',
    'vpc-id',
    textOf(group, 'vpcId') ?? '',
  );
  const referenced = groups.some((each) => each['groupId'] !== id && refersTo(each, id));
  return interfaces.length > 0 || referenced ? `resource ${id} has a dependent object` : undefined;
}

function refersTo(group: XmlObject, id: string): boolean {
  const permissions = [...itemsOf(group, 'ipPermissions'), ...itemsOf(group, 'ipPermissionsEgress')];
  return permissions.some((permission) =>
    itemsOf(permission, 'groups').some((each) => each['groupId'] === id),
  );
}

async function find(
  world: World,
  action: string,
  set: string,
  filter: string,
  value: string,
): Promise<XmlObject[]> {
  return itemsOf(await world.read(action, { 'Filter.1.Name': filter, 'Filter.1.Value.1': value }), set);
}
