/** Reads the emulator's records as a model of the network. Pure. */
import type {
  InterfaceModel,
  NatGatewayModel,
  NetworkModel,
  RouteModel,
  RouteTableModel,
  SecurityGroupModel,
  SecurityRuleModel,
  SubnetModel,
  VpcModel,
} from '../network/model.ts';
import { itemsOf, textOf } from './xml.ts';
import type { XmlObject } from './xml.ts';

/** Where the model comes from: reads and the sets in their answers. */
export const SOURCES = {
  vpcSet: 'DescribeVpcs',
  internetGatewaySet: 'DescribeInternetGateways',
  subnetSet: 'DescribeSubnets',
  routeTableSet: 'DescribeRouteTables',
  networkInterfaceSet: 'DescribeNetworkInterfaces',
  reservationSet: 'DescribeInstances',
  natGatewaySet: 'DescribeNatGateways',
  securityGroupInfo: 'DescribeSecurityGroups',
} as const;

export type Source = keyof typeof SOURCES;

/** What was read last from each source. */
export type NetworkRecords = Partial<Record<Source, XmlObject[]>>;

export interface NatState {
  /** Its address in the subnet; the emulator's own lies anywhere. */
  readonly privateIp: string;
  readonly state: string;
}

/** Public address that came with the launch of an instance. */
export type PublicIpOf = (instanceId: string) => string | undefined;

export function modelOf(
  records: Readonly<NetworkRecords>,
  natOf: (id: string) => NatState | undefined,
  publicIpOf: PublicIpOf,
): NetworkModel {
  const {
    vpcSet: vpcs = [],
    internetGatewaySet: gateways = [],
    subnetSet: subnets = [],
    routeTableSet: tables = [],
    networkInterfaceSet: interfaces = [],
    reservationSet: instances = [],
    natGatewaySet: nats = [],
    securityGroupInfo: groups = [],
  } = records;
  const hopLimits = new Map<string, number>();
  for (const instance of instances.flatMap((reservation) => itemsOf(reservation, 'instancesSet'))) {
    if (textOf(instance, 'instanceState', 'name') === 'terminated') continue;
    const limit = Number(textOf(instance, 'metadataOptions', 'httpPutResponseHopLimit') ?? '1');
    hopLimits.set(textOf(instance, 'instanceId') ?? '', limit);
  }
  return {
    vpcs: vpcs.map((vpc) => vpcModel(vpc, gateways)),
    subnets: subnets.flatMap((subnet) => subnetModel(subnet, tables)),
    routeTables: tables.map((table) => routeTableModel(table)),
    interfaces: interfaces.flatMap((each) => interfaceModel(each, hopLimits, publicIpOf)),
    natGateways: nats.flatMap((nat) => natModel(nat, natOf)),
    securityGroups: groups.map((group) => securityGroupModel(group)),
  };
}

const need = (fields: XmlObject, name: string): string => textOf(fields, name) ?? '';

function vpcModel(vpc: XmlObject, gateways: readonly XmlObject[]): VpcModel {
  const id = need(vpc, 'vpcId');
  const associated = itemsOf(vpc, 'cidrBlockAssociationSet')
    .filter((each) => (textOf(each, 'cidrBlockState', 'state') ?? 'associated') === 'associated')
    .flatMap((each) => textOf(each, 'cidrBlock') ?? []);
  const attached = gateways.some((gateway) =>
    itemsOf(gateway, 'attachmentSet').some((each) => each['vpcId'] === id),
  );
  return { id, cidrs: [...new Set([need(vpc, 'cidrBlock'), ...associated])], internetGateway: attached };
}

function subnetModel(subnet: XmlObject, tables: readonly XmlObject[]): SubnetModel[] {
  const id = need(subnet, 'subnetId');
  const vpcId = need(subnet, 'vpcId');
  const associations = (table: XmlObject): XmlObject[] => itemsOf(table, 'associationSet');
  const table =
    tables.find((each) => associations(each).some((one) => one['subnetId'] === id)) ??
    tables.find(
      (each) => each['vpcId'] === vpcId && associations(each).some((one) => one['main'] === 'true'),
    );
  if (table === undefined) return [];
  return [{ id, vpcId, cidr: need(subnet, 'cidrBlock'), routeTableId: need(table, 'routeTableId') }];
}

function routeTableModel(table: XmlObject): RouteTableModel {
  const routes = itemsOf(table, 'routeSet').flatMap((route): RouteModel[] => {
    const destination = textOf(route, 'destinationCidrBlock');
    const target = routeTarget(route);
    return destination === undefined || target === undefined ? [] : [{ destination, target }];
  });
  return { id: need(table, 'routeTableId'), vpcId: need(table, 'vpcId'), routes };
}

function routeTarget(route: XmlObject): RouteModel['target'] | undefined {
  const gateway = textOf(route, 'gatewayId');
  if (gateway === 'local') return undefined;
  if (textOf(route, 'state') === 'blackhole') return { kind: 'blackhole' };
  if (gateway?.startsWith('igw-') === true) return { kind: 'internet-gateway' };
  const nat = textOf(route, 'natGatewayId');
  if (nat !== undefined) return { kind: 'nat-gateway', id: nat };
  const id = textOf(route, 'networkInterfaceId');
  return id === undefined ? { kind: 'blackhole' } : { kind: 'interface', id };
}

function interfaceModel(
  each: XmlObject,
  hopLimits: ReadonlyMap<string, number>,
  publicIpOf: PublicIpOf,
): InterfaceModel[] {
  const instanceId = textOf(each, 'attachment', 'instanceId');
  const metadataHopLimit = hopLimits.get(instanceId ?? '');
  if (instanceId === undefined || metadataHopLimit === undefined) return [];
  const publicIp = textOf(each, 'association', 'publicIp') ?? publicIpOf(instanceId);
  const model = {
    id: need(each, 'networkInterfaceId'),
    instanceId,
    vpcId: need(each, 'vpcId'),
    subnetId: need(each, 'subnetId'),
    privateIp: need(each, 'privateIpAddress'),
    macAddress: need(each, 'macAddress'),
    sourceDestCheck: need(each, 'sourceDestCheck') !== 'false',
    securityGroupIds: itemsOf(each, 'groupSet')
      .map((group) => need(group, 'groupId'))
      .sort(),
    metadataHopLimit,
  };
  return [publicIp === undefined ? model : { ...model, publicIp }];
}

function natModel(nat: XmlObject, states: (id: string) => NatState | undefined): NatGatewayModel[] {
  const id = need(nat, 'natGatewayId');
  const publicIp = textOf(itemsOf(nat, 'natGatewayAddressSet')[0], 'publicIp');
  const known = states(id);
  if (known === undefined || known.state === 'deleted' || publicIp === undefined) return [];
  const { privateIp, state } = known;
  return [{ id, subnetId: need(nat, 'subnetId'), privateIp, publicIp, available: state === 'available' }];
}

function securityGroupModel(group: XmlObject): SecurityGroupModel {
  const rules = (name: string): SecurityRuleModel[] =>
    itemsOf(group, name).flatMap((each) => ruleModels(each));
  const [ingress, egress] = [rules('ipPermissions'), rules('ipPermissionsEgress')];
  return { id: need(group, 'groupId'), vpcId: need(group, 'vpcId'), ingress, egress };
}

const PROTOCOLS: Readonly<Record<string, SecurityRuleModel['protocol']>> = {
  ...{ tcp: 'tcp', '6': 'tcp', udp: 'udp', '17': 'udp', icmp: 'icmp', '1': 'icmp', '-1': '-1', all: '-1' },
};

function ruleModels(permission: XmlObject): SecurityRuleModel[] {
  const protocol = PROTOCOLS[need(permission, 'ipProtocol')];
  if (protocol === undefined) return [];
  const peers: Array<SecurityRuleModel['peer']> = [
    ...itemsOf(permission, 'ipRanges').map((range) => ({ cidr: need(range, 'cidrIp') })),
    ...itemsOf(permission, 'groups').map((group) => ({ securityGroupId: need(group, 'groupId') })),
  ];
  const [from, to] = [textOf(permission, 'fromPort'), textOf(permission, 'toPort')];
  const ports = {
    ...(from === undefined || protocol === '-1' ? {} : { fromPort: Number(from) }),
    ...(to === undefined || protocol === '-1' ? {} : { toPort: Number(to) }),
  };
  return peers.map((peer) => ({ protocol, ...ports, peer }));
}
