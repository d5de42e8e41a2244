/** Arithmetic on IPv4 blocks. */
import ipaddr from 'ipaddr.js';

/** The address at `offset` in a block: 1 is the subnet's gateway, 2 the VPC's resolver. */
export function subnetAddress(cidr: string, offset: number): string {
  const octets = ipaddr.IPv4.networkAddressFromCIDR(cidr).toByteArray();
  const base = octets.reduce((sum, octet) => sum * 256 + octet, 0) + offset;
  return [24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join('.');
}

export function prefixLength(cidr: string): number {
  return ipaddr.IPv4.parseCIDR(cidr)[1];
}

/** Whether every address of `inner` lies in `outer`. */
export function contains(outer: string, inner: string): boolean {
  const [start, length] = ipaddr.IPv4.parseCIDR(inner);
  return length >= prefixLength(outer) && start.match(ipaddr.IPv4.parseCIDR(outer));
}
