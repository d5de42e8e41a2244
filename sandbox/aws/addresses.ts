/**
 * Which private addresses of a subnet are free.
 * https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
 */
import ipaddr from 'ipaddr.js';
import { AwsError } from './call.ts';
import type { World } from './world.ts';
import { itemsOf, textOf } from './xml.ts';

/** The first four addresses of a subnet and its last are AWS's own. */
const RESERVED_AT_START = 4;

/** The wanted address if it is free, or else the first free one. @throws {AwsError} where it cannot be had */
export async function claimAddress(
  world: World,
  subnetId: string,
  wanted: string | undefined,
): Promise<string> {
  const subnet = itemsOf(await world.read('DescribeSubnets', { 'SubnetId.1': subnetId }), 'subnetSet')[0];
  const [network, bits] = ipaddr.IPv4.parseCIDR(textOf(subnet, 'cidrBlock') ?? '');
  const start = numberOf(network.toString());
  const end = start + 2 ** (32 - bits) - 1;
  const taken = await takenAddresses(world, subnetId);
  if (wanted === undefined) {
    for (let number = start + RESERVED_AT_START; number < end; number++) {
      if (!taken.has(addressOf(number))) return addressOf(number);
    }
    throw new AwsError(
      'InsufficientFreeAddressesInSubnet',
      `There are not enough free addresses in subnet '${subnetId}'`,
    );
  }
  const number = numberOf(wanted);
  if (number < start || number > end) {
    throw new AwsError(
      'InvalidParameterValue',
      `Address ${wanted} does not fall within the subnet's address range`,
    );
  }
  if (number < start + RESERVED_AT_START || number === end) {
    throw new AwsError('InvalidParameterValue', `Address ${wanted} is in subnet's reserved address range`);
  }
  if (taken.has(wanted)) throw new AwsError('InvalidIPAddress.InUse', `Address ${wanted} is in use.`);
  return wanted;
}

async function takenAddresses(world: World, subnetId: string): Promise<Set<string>> {
  const found = await world.read('DescribeNetworkInterfaces', {
    'Filter.1.Name': 'subnet-id',
    'Filter.1.Value.1': subnetId,
  });
  const taken = new Set<string>();
  for (const each of itemsOf(found, 'networkInterfaceSet')) {
    taken.add(textOf(each, 'privateIpAddress') ?? '');
    for (const one of itemsOf(each, 'privateIpAddressesSet'))
      taken.add(textOf(one, 'privateIpAddress') ?? '');
  }
  return taken;
}

/** The first public address of the sandbox's block that nobody holds. */
export async function freeElasticAddress(world: World): Promise<string> {
  const elastic = itemsOf(await world.read('DescribeAddresses'), 'addressesSet').map((each) =>
    textOf(each, 'publicIp'),
  );
  const launched = world.instances.all
    .filter(({ state }) => state !== 'terminated')
    .map((each) => each.publicIp);
  const held = [...elastic, ...launched];
  const [network, bits] = ipaddr.IPv4.parseCIDR(world.addresses.elasticCidr);
  const start = numberOf(network.toString());
  for (let number = start + 1; number < start + 2 ** (32 - bits) - 1; number++) {
    if (!held.includes(addressOf(number))) return addressOf(number);
  }
  throw new AwsError('AddressLimitExceeded', 'The maximum number of addresses has been reached.');
}

const numberOf = (address: string): number =>
  ipaddr.IPv4.parse(address).octets.reduce((sum, octet) => sum * 256 + octet, 0);
const addressOf = (number: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
