/** A small model of two subnets and the commands that tests run in its namespaces. */
import { addressesOf } from '../../sandbox/addresses.ts';
import { CommandError, run } from '../../sandbox/network/commands.ts';
import type { NetworkSettings } from '../../sandbox/network/internet.ts';
import type {
  InterfaceModel,
  NetworkModel,
  SandboxAddresses,
  SecurityRuleModel,
} from '../../sandbox/network/model.ts';

/** The last indexes: no sandbox that a person started is likely to have them. Each test file has its own. */
export const ADDRESSES: SandboxAddresses = addressesOf(15);
export const METADATA_TEST_ADDRESSES: SandboxAddresses = addressesOf(14);
export const MACHINES_TEST_ADDRESSES: SandboxAddresses = addressesOf(13);
export const OWNER_TEST_ADDRESSES: SandboxAddresses = addressesOf(12);

/** Services nobody listens at, for tests that need none. */
export const settings = (addresses: SandboxAddresses): NetworkSettings => ({
  addresses,
  awsEndpoint: { host: addresses.computer, port: 18_080 },
  temporal: { host: addresses.computer, port: 17_233 },
});

export const everything = (cidr: string): SecurityRuleModel => ({ protocol: '-1', peer: { cidr } });
export const tcp = (port: number, peer: SecurityRuleModel['peer']): SecurityRuleModel => ({
  protocol: 'tcp',
  fromPort: port,
  toPort: port,
  peer,
});

/** `a` in a public subnet with an Elastic IP, `b` and `c` in a private one; open towards the outside, shut from it. */
export function model(changes: Partial<NetworkModel> = {}): NetworkModel {
  return {
    vpcs: [{ id: 'vpc-one', cidrs: ['172.16.0.0/23'], internetGateway: true }],
    subnets: [
      { id: 'subnet-public', vpcId: 'vpc-one', cidr: '172.16.0.0/26', routeTableId: 'rtb-public' },
      { id: 'subnet-private', vpcId: 'vpc-one', cidr: '172.16.0.64/26', routeTableId: 'rtb-private' },
    ],
    routeTables: [
      {
        id: 'rtb-public',
        vpcId: 'vpc-one',
        routes: [{ destination: '0.0.0.0/0', target: { kind: 'internet-gateway' } }],
      },
      { id: 'rtb-private', vpcId: 'vpc-one', routes: [] },
    ],
    interfaces: [
      card('a', '172.16.0.10', 'subnet-public', { publicIp: '198.19.30.10' }),
      card('b', '172.16.0.70', 'subnet-private'),
      card('c', '172.16.0.71', 'subnet-private'),
    ],
    natGateways: [],
    securityGroups: [{ id: 'sg-one', vpcId: 'vpc-one', ingress: [], egress: [everything('0.0.0.0/0')] }],
    ...changes,
  };
}

export function card(
  name: string,
  privateIp: string,
  subnetId: string,
  changes: Partial<InterfaceModel> = {},
): InterfaceModel {
  const last = Number(privateIp.split('.')[3]).toString(16).padStart(2, '0');
  return {
    id: `eni-${name}`,
    instanceId: `i-${name}`,
    vpcId: 'vpc-one',
    subnetId,
    privateIp,
    macAddress: `02:00:00:00:00:${last}`,
    sourceDestCheck: true,
    securityGroupIds: ['sg-one'],
    metadataHopLimit: 1,
    ...changes,
  };
}

/** Runs a command in a namespace given by path; false when it fails or takes longer than `seconds`. */
export async function succeeds(namespace: string, command: readonly string[], seconds = 1): Promise<boolean> {
  try {
    await run('nsenter', [`--net=${namespace}`, 'timeout', String(seconds), ...command]);
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}
