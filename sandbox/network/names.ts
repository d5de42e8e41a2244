/**
 * How the sandbox's namespaces, links and routing tables are called. Everything starts with the sandbox's prefix
 * or lives in a namespace that does, so that what a killed run left can be found by name.
 */
import { createHash } from 'node:crypto';

/** Where `ip netns add` keeps namespaces. */
export const NETNS_FOLDER = '/run/netns';

/** Name of the link to the internet in a VPC's router, and of the link to the computer in the internet. */
export const INTERNET_LINK = 'inet0';
export const COMPUTER_LINK = 'computer';
/** Name of the only link of a machine. */
export const MACHINE_LINK = 'host0';

export const sandboxPrefix = (index: number): string => `zw${index}-`;
export const internetName = (index: number): string => `${sandboxPrefix(index)}inet`;
export const routerName = (index: number, vpcId: string): string => `${sandboxPrefix(index)}${vpcId}`;
export const machineName = (index: number, interfaceId: string): string =>
  `${sandboxPrefix(index)}${interfaceId}`;
export const namespacePath = (name: string): string => `${NETNS_FOLDER}/${name}`;
/** The computer's end of its link to the internet. */
export const computerLink = (index: number): string => `zw${index}`;

/** Links are called by the end of the id: the kernel allows 15 characters. */
const linkName = (letter: string, id: string): string => `${letter}-${id.slice(-12)}`;
/** In a router, the link to an interface's machine. */
export const interfaceLink = (interfaceId: string): string => linkName('e', interfaceId);
/** In the internet, the link to a VPC's router. */
export const routerLink = (vpcId: string): string => linkName('v', vpcId);
/** In router and internet, the link that a NAT gateway's traffic takes. */
export const natLink = (natGatewayId: string): string => linkName('n', natGatewayId);

/** The table of a router that holds the implicit local route of a VPC. */
export const LOCAL_TABLE = 100;

/** Number of a route table in the kernel: from its id, so that other tables coming and going change nothing. */
export function tableNumber(routeTableId: string): number {
  return 1000 + (digest(routeTableId) % 0x10000000);
}

/**
 * Both ends of a link between the internet and a router or NAT gateway, from 100.64.0.0/10 (shared address space,
 * RFC 6598), which neither a VPC of the sandbox nor its internet uses. Derived from the id: stable, and apart for
 * as few links as one sandbox has.
 */
export function linkAddresses(id: string): { readonly internet: string; readonly router: string } {
  const offset = (digest(id) % 0x200000) * 2;
  const address = (n: number): string => `100.${64 + (n >>> 16)}.${(n >>> 8) & 255}.${n & 255}`;
  return { internet: address(offset), router: address(offset + 1) };
}

function digest(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0);
}
