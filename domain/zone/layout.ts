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

/** The zone as its specification says it: what it is created with. */
export const layOut = (spec: ZoneSpec, facts: ZoneFacts): ZoneLayout =>
  layOutMachines(spec, facts, [
    ...counted(spec.border.count).map((slot) => placeMachine(spec, 'border', slot)),
    ...counted(spec.director.count).map((slot) => placeMachine(spec, 'director', slot)),
    ...spec.workers
      .flatMap((pool, at) => counted(pool.count).map(() => at))
      .map((pool, slot) => placeMachine(spec, 'worker', slot, pool)),
  ]);

/** The zone with these machines, whatever its specification counts: some have joined it, some have left. */
export const layOutMachines = (
  spec: ZoneSpec,
  facts: ZoneFacts,
  machines: readonly MachinePlan[],
): ZoneLayout => ({
  spec,
  facts,
  zone: zoneName(spec.zone),
  domain: zoneDomain(spec),
  addresses: addressesOf(spec),
  machines,
});

const addressesOf = (spec: ZoneSpec): ZoneAddresses =>
  zoneAddresses({
    environmentIndex: spec.environment.index,
    zoneIndex: spec.zone,
    availabilityZones: spec.availabilityZones,
    podCidr: spec.kubernetes.podCidr,
    serviceCidr: spec.kubernetes.serviceCidr,
  });

/**
 * One machine in its slot.
 *
 * @param pool place of a worker's pool in the specification
 * @throws {RangeError} when there is no such slot or pool
 */
export function placeMachine(spec: ZoneSpec, role: MachineRole, slot: number, pool = 0): MachinePlan {
  const { instanceType, labels } = { labels: {}, ...sizeOf(spec, role, pool) };
  const machine = {
    name: `${role}-${slot}`,
    role,
    slot,
    instanceType,
    ...slotAddress(addressesOf(spec), role, slot),
  };
  if (role !== 'worker') return machine;
  const podCidr = nodePodCidr(spec.kubernetes.podCidr, slot);
  return { ...machine, podCidr, labels: nodeLabels(spec, machine, labels) };
}

function sizeOf(spec: ZoneSpec, role: MachineRole, pool: number) {
  if (role !== 'worker') return spec[role];
  const found = spec.workers[pool];
  if (found !== undefined) return found;
  throw new RangeError(
    `Cannot place a worker in pool ${pool}: there are pools 0 to ${spec.workers.length - 1}`,
  );
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
