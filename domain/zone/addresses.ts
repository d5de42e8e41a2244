import { addressOf, formatAddress, formatCidr, parseCidr, partOf, type Cidr } from '../network/cidr.ts';
import type { MachineRole } from '../pki/facts.ts';

/**
 * The address plan: every address of a zone follows from its environment's index and its own.
 *
 * 172.16.0.0/12 · 7 bits environment → /19 · 4 bits zone → /23 (the VPC) · eight /26: a public and a private subnet in
 * each of three availability zones, and two to spare.
 */
export const ADDRESS_SPACE = '172.16.0.0/12';
export const ENVIRONMENTS = 128;
export const ZONES = 16;
export const AVAILABILITY_ZONES = 3;

export const LETTERS = ['a', 'b', 'c'] as const;
export const SUBNETS = [
  ...LETTERS.map((letter) => `public-${letter}` as const),
  ...LETTERS.map((letter) => `private-${letter}` as const),
];
export type SubnetName = (typeof SUBNETS)[number];

export interface SubnetPlan {
  /** `public-a`: the letter is the place in the list of availability zones, not the letter of the zone itself. */
  readonly name: SubnetName;
  readonly cidr: string;
  readonly availabilityZone: string;
}

export interface ZoneAddresses {
  readonly vpcCidr: string;
  readonly subnets: readonly SubnetPlan[];
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** Where the API is found inside the cluster: the first address of the service range. */
  readonly apiServiceIp: string;
  readonly dnsServiceIp: string;
}

/** What the address plan is computed from. */
export interface AddressInput {
  readonly environmentIndex: number;
  readonly zoneIndex: number;
  readonly availabilityZones: readonly string[];
  readonly podCidr: string;
  readonly serviceCidr: string;
}

/** @throws {RangeError} when an index is out of range */
export function zoneCidr(environmentIndex: number, zoneIndex: number): string {
  return formatCidr(partOf(partOf(parseCidr(ADDRESS_SPACE), 7, environmentIndex), 4, zoneIndex));
}

/** @throws {RangeError} when an index is out of range */
export function zoneAddresses(input: AddressInput): ZoneAddresses {
  const vpcCidr = zoneCidr(input.environmentIndex, input.zoneIndex);
  const vpc = parseCidr(vpcCidr);
  const services = parseCidr(input.serviceCidr);
  return {
    vpcCidr,
    subnets: SUBNETS.map((name, at) => {
      const availabilityZone = input.availabilityZones[at % AVAILABILITY_ZONES];
      if (availabilityZone === undefined) {
        throw new RangeError(`Cannot place subnet "${name}": there are fewer than 3 availability zones`);
      }
      return { name, cidr: formatCidr(partOf(vpc, 3, at)), availabilityZone };
    }),
    podCidr: input.podCidr,
    serviceCidr: input.serviceCidr,
    apiServiceIp: formatAddress(addressOf(services, 1)),
    dnsServiceIp: formatAddress(addressOf(services, 10)),
  };
}

/**
 * First and last address of a role inside its subnets, counted from the network address. AWS keeps the first four
 * addresses of a subnet and the last one for itself; 4–9 and, in public subnets, what lies behind the borders stay
 * free for what AWS places by itself: NAT gateways, load balancers.
 */
const PLACES: Readonly<
  Record<MachineRole, { readonly tier: 'public' | 'private'; readonly from: number; readonly to: number }>
> = {
  border: { tier: 'public', from: 10, to: 19 },
  director: { tier: 'private', from: 10, to: 19 },
  worker: { tier: 'private', from: 20, to: 62 },
};

/** How many machines of a role have an address. */
export const slotsOf = (role: MachineRole): number =>
  (PLACES[role].to - PLACES[role].from + 1) * AVAILABILITY_ZONES;

/** Directors of a zone, at most. Their addresses are known beforehand: whoever looks for a director looks there. */
export const DIRECTOR_SLOTS = 3;

export interface SlotAddress {
  readonly subnet: SubnetName;
  readonly availabilityZone: string;
  readonly privateIp: string;
}

/**
 * Where the machine of a slot lives; slots take turns over the availability zones.
 *
 * @throws {RangeError} when the role has no such slot
 */
export function slotAddress(addresses: ZoneAddresses, role: MachineRole, slot: number): SlotAddress {
  if (!Number.isInteger(slot) || slot < 0 || slot >= slotsOf(role)) {
    throw new RangeError(`Cannot place ${role} ${slot}: there are slots 0 to ${slotsOf(role) - 1}`);
  }
  const { tier, from } = PLACES[role];
  const at = (tier === 'public' ? 0 : AVAILABILITY_ZONES) + (slot % AVAILABILITY_ZONES);
  const { name, cidr, availabilityZone } = addresses.subnets[at]!;
  const address = addressOf(parseCidr(cidr), from + Math.floor(slot / AVAILABILITY_ZONES));
  return { subnet: name, availabilityZone, privateIp: formatAddress(address) };
}

/** Addresses of the director slots in their order, whether a director lives there or not. */
export const directorAddresses = (addresses: ZoneAddresses): string[] =>
  Array.from({ length: DIRECTOR_SLOTS }, (_, slot) => slotAddress(addresses, 'director', slot).privateIp);

const NODE_POD_PREFIX = 24;

/** How many nodes a pod range has room for. */
export const nodePodRanges = (podCidr: string): number => 2 ** (NODE_POD_PREFIX - parseCidr(podCidr).prefix);

/**
 * The /24 of a worker's pods.
 *
 * @throws {RangeError} when the pod range has no such part
 */
export function nodePodCidr(podCidr: string, slot: number): string {
  const range: Cidr = parseCidr(podCidr);
  return formatCidr(partOf(range, NODE_POD_PREFIX - range.prefix, slot));
}
