import type { MachineRole } from '../pki/facts.ts';
import { nodePodCidr, slotAddress, zoneAddresses, type SubnetName, type ZoneAddresses } from './addresses.ts';
import type { ZoneFacts } from './facts.ts';
import { zoneDomain, zoneName, type ZoneSpec } from './spec.ts';

/** One machine of a zone, placed. */
export interface MachinePlan {
  /** `director-0`; also the middle of its steps' names. */
  readonly name: string;
  readonly role: MachineRole;
  readonly slot: number;
  readonly instanceType: string;
  readonly subnet: SubnetName;
  readonly availabilityZone: string;
  readonly privateIp: string;
  /** A worker's share of the pod range. */
  readonly podCidr?: string;
  /** Labels of its Node; machines without a kubelet have none. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What every group of steps is planned from. */
export interface ZoneLayout {
  readonly spec: ZoneSpec;
  readonly facts: ZoneFacts;
  /** `zone03` */
  readonly zone: string;
  /** `zone03.prod.example.com` */
  readonly domain: string;
  readonly addresses: ZoneAddresses;
  readonly machines: readonly MachinePlan[];
}

export function layOut(spec: ZoneSpec, facts: ZoneFacts): ZoneLayout {
  const addresses = zoneAddresses({
    environmentIndex: spec.environment.index,
    zoneIndex: spec.zone,
    availabilityZones: spec.availabilityZones,
    podCidr: spec.kubernetes.podCidr,
    serviceCidr: spec.kubernetes.serviceCidr,
  });
  const domain = zoneDomain(spec);
  const place = (role: MachineRole, slot: number, instanceType: string): MachinePlan => ({
    name: `${role}-${slot}`,
    role,
    slot,
    instanceType,
    ...slotAddress(addresses, role, slot),
  });
  const machines = [
    ...counted(spec.border.count).map((slot) => place('border', slot, spec.border.instanceType)),
    ...counted(spec.director.count).map((slot) => place('director', slot, spec.director.instanceType)),
    ...spec.workers
      .flatMap((pool) => counted(pool.count).map(() => pool))
      .map((pool, slot) => {
        const machine = place('worker', slot, pool.instanceType);
        const podCidr = nodePodCidr(spec.kubernetes.podCidr, slot);
        return { ...machine, podCidr, labels: nodeLabels(spec, machine, pool.labels) };
      }),
  ];
  return { spec, facts, zone: zoneName(spec.zone), domain, addresses, machines };
}

const counted = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

// The first three are well known: https://kubernetes.io/docs/reference/labels-annotations-taints/
const nodeLabels = (spec: ZoneSpec, machine: MachinePlan, ofPool: Readonly<Record<string, string>>) => ({
  ...spec.labels,
  ...ofPool,
  'topology.kubernetes.io/region': spec.region,
  'topology.kubernetes.io/zone': machine.availabilityZone,
  'node.kubernetes.io/instance-type': machine.instanceType,
  'node-role.kubernetes.io/worker': '',
  'zonewright.dev/zone': zoneName(spec.zone),
  'zonewright.dev/slot': String(machine.slot),
});

export const machinesOf = (layout: ZoneLayout, role: MachineRole): MachinePlan[] =>
  layout.machines.filter((machine) => machine.role === role);

/** Where the API server is reached from inside the VPC. */
export function apiEndpoint(layout: ZoneLayout): string {
  const [first] = machinesOf(layout, 'director');
  return `https://${first?.privateIp ?? layout.addresses.apiServiceIp}:6443`;
}
