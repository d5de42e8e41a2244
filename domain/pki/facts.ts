import ipaddr from 'ipaddr.js';
import { z } from 'zod';

export const ROLES = ['border', 'director', 'worker'] as const;
export type MachineRole = (typeof ROLES)[number];

/** What certificate profiles need to know: from the plan and from what RunInstances returned, never from the machine. */
export const machineFactsSchema = z.strictObject({
  /** Domain of the zone, e.g. `zone03.prod.example.com`. */
  domain: z.string().min(1),
  role: z.enum(ROLES),
  slot: z.number().int().min(0),
  instanceId: z.string().regex(/^i-[0-9a-f]+$/, 'the id of an instance'),
  privateIp: z.ipv4(),
  /** The first address is the service `kubernetes`. */
  serviceCidr: z.cidrv4(),
});
export type MachineFacts = z.infer<typeof machineFactsSchema>;

/** Host name of a machine, and the name of its Node. */
export const nodeName = (machine: { readonly instanceId: string; readonly role: MachineRole }): string =>
  `${machine.instanceId}.${machine.role}.zone.local`;

/** The `index`th address of a range, counted from the network address; 1 is the service `kubernetes`. */
export function addressInRange(cidr: string, index: number): string {
  const [network] = ipaddr.IPv4.parseCIDR(cidr);
  const number = network.octets.reduce((sum, octet) => sum * 256 + octet, 0) + index;
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
