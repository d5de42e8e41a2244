import type { MachineConfigInput } from '../machine-config.ts';
import { AUTHORITY_IDS, SERVICE_ACCOUNT_KEY } from '../pki/authorities.ts';
import { nodeName, type MachineRole } from '../pki/facts.ts';
import { output, type Output, type PlannedStep } from '../plan.ts';
import { authoritiesFolder, authorityStep, profileStep, roleStep } from './access-steps.ts';
import { machineConfig } from './configuration.ts';
import { namingSteps } from './dns-steps.ts';
import { machinesOf, type MachinePlan, type ZoneLayout } from './layout.ts';
import {
  borderAddress,
  privateRoute,
  PUBLIC_ROUTE,
  ROUTE_TABLES,
  routeTableStep,
  subnetStep,
} from './network-steps.ts';
import { rulesStep, securityGroupStep } from './security-groups.ts';

/** Renders a machine's user data; it lives in `machine/`, which plans do not import. */
export type UserDataOf = (config: MachineConfigInput) => string;

export const instanceStep = (machine: string): string => `machines/${machine}/instance`;
export const certificatesStep = (machine: string): string => `machines/${machine}/certificates`;
export const admissionStep = (machine: string): string => `machines/${machine}/admission`;
/** The Node object of a machine that joins later; what a zone is created with is undone as a whole. */
export const nodeStep = (machine: string): string => `machines/${machine}/node`;
export const discoveryStep = (machine: string): string => `machines/${machine}/discovery`;
const elasticIpStep = (machine: string): string => `machines/${machine}/elastic-ip`;
const podRouteStep = (machine: string, table: string): string => `machines/${machine}/pod-route-${table}`;

/** Instances, what belongs to them alone, and the admission of the nodes, which comes last. */
export const machineSteps = (layout: ZoneLayout, userDataOf: UserDataOf): PlannedStep[] =>
  layout.machines.flatMap((machine) => [
    instance(layout, machine, userDataOf),
    ...(machine.role === 'border' ? [elasticIp(layout, machine)] : []),
    certificates(layout, machine),
    ...podRoutes(layout, machine),
    ...(machine.role === 'director' ? [] : [discovery(layout, machine)]),
    ...(machine.role === 'worker' ? [admission(layout, machine)] : []),
  ]);

const nameOf = ({ domain }: ZoneLayout, { name }: MachinePlan): string => `${domain}-${name}`;

function instance(layout: ZoneLayout, machine: MachinePlan, userDataOf: UserDataOf): PlannedStep {
  const { name, role, subnet, privateIp, instanceType } = machine;
  return {
    step: instanceStep(name),
    kind: 'instance',
    name: nameOf(layout, machine),
    role,
    summary: `starting ${name}, a ${instanceType}, at ${privateIp}`,
    plan: {
      imageId: layout.facts.imageId,
      instanceType,
      subnetId: output(subnetStep(subnet)),
      privateIp,
      securityGroupIds: [output(securityGroupStep(role))],
      profileName: output(profileStep(role), 'profileName'),
      userData: userDataOf(machineConfig(layout, machine)),
      shutdownBehavior: 'stop',
      // Only workers forward what is not addressed to themselves: their pods' packets.
      sourceDestCheck: role !== 'worker',
    },
    after: [rulesStep(role), ...waysOut(machine), ...(role === 'border' ? namingSteps(layout) : [])],
  };
}

/** Routes without which a machine would boot into silence: its own, and that of the NAT gateway behind it. */
const waysOut = ({ role, subnet }: MachinePlan): string[] =>
  role === 'border' ? [PUBLIC_ROUTE] : [privateRoute(subnet.replace('private-', '')), PUBLIC_ROUTE];

const elasticIp = (layout: ZoneLayout, machine: MachinePlan): PlannedStep => ({
  step: elasticIpStep(machine.name),
  kind: 'elastic-ip-association',
  name: nameOf(layout, machine),
  role: machine.role,
  summary: `giving ${machine.name} its Elastic IP`,
  plan: {
    allocationId: output(borderAddress(machine.slot)),
    networkInterfaceId: output(instanceStep(machine.name), 'networkInterfaceId'),
  },
});

const certificates = (layout: ZoneLayout, machine: MachinePlan): PlannedStep => ({
  step: certificatesStep(machine.name),
  kind: 'machine-certificates',
  name: nameOf(layout, machine),
  role: machine.role,
  summary: `signing the certificates of ${machine.name}`,
  plan: {
    bucket: layout.facts.bucket,
    ...(layout.facts.storePrefix === '' ? {} : { storePrefix: layout.facts.storePrefix }),
    authorities: authoritiesFolder(layout),
    roleId: output(roleStep(machine.role)),
    instanceId: output(instanceStep(machine.name)),
    role: machine.role,
    facts: {
      domain: layout.domain,
      role: machine.role,
      slot: machine.slot,
      instanceId: output(instanceStep(machine.name)),
      privateIp: machine.privateIp,
      serviceCidr: layout.addresses.serviceCidr,
    },
  },
  after: [
    ...AUTHORITY_IDS.map(authorityStep),
    ...(machine.role === 'director' ? [authorityStep(SERVICE_ACCOUNT_KEY.id)] : []),
    // A border reaches the store, where its requests go, by its Elastic IP only.
    ...(machine.role === 'border' ? [elasticIpStep(machine.name)] : []),
  ],
});

/** The way to a worker's pods, in every route table: borders and directors reach them, too. */
const podRoutes = (layout: ZoneLayout, machine: MachinePlan): PlannedStep[] => {
  const { name, podCidr } = machine;
  if (podCidr === undefined) return [];
  return ROUTE_TABLES.map((table) => ({
    step: podRouteStep(name, table),
    kind: 'route',
    name: `${nameOf(layout, machine)}-${table}`,
    role: machine.role,
    summary: `routing pods ${podCidr} to ${name} in route table ${table}`,
    plan: {
      routeTableId: output(routeTableStep(table)),
      destination: podCidr,
      target: { networkInterfaceId: output(instanceStep(name), 'networkInterfaceId') },
    },
  }));
};

/** Lets a machine's agents into the discovery etcd: a worker's to announce its pods, a border's to route to them. */
const discovery = (layout: ZoneLayout, machine: MachinePlan): PlannedStep => ({
  step: discoveryStep(machine.name),
  kind: 'discovery-member',
  name: nameOf(layout, machine),
  role: machine.role,
  summary: `letting ${machine.name} into discovery`,
  plan: {
    machine: machine.name,
    instanceId: output(instanceStep(machine.name)),
    ...(machine.podCidr === undefined ? {} : { podCidr: machine.podCidr }),
  },
  after: controlPlane(layout),
});

/** What the zone's worker on the border needs to reach the directors. */
const controlPlane = (layout: ZoneLayout): string[] =>
  (['border', 'director'] as const)
    .flatMap((role) => machinesOf(layout, role))
    .map(({ name }) => certificatesStep(name));

/** A node takes work once its pods can be reached, and the zone's worker on the border can say so to the API server. */
const admission = (layout: ZoneLayout, machine: MachinePlan): PlannedStep => ({
  step: admissionStep(machine.name),
  kind: 'node-admission',
  name: nameOf(layout, machine),
  role: machine.role,
  summary: `waiting for node ${machine.name} and letting it take work`,
  plan: {
    node: nodeNameOf(machine.name, machine.role),
    instanceId: output(instanceStep(machine.name)),
    labels: machine.labels ?? {},
  },
  after: [
    ...ROUTE_TABLES.map((table) => podRouteStep(machine.name, table)),
    certificatesStep(machine.name),
    discoveryStep(machine.name),
    ...controlPlane(layout),
  ],
});

/** A node is named after its instance: the output comes with the text around it. */
export const nodeNameOf = (machine: string, role: MachineRole): Output & { readonly format: string } => ({
  ...output(instanceStep(machine)),
  format: nodeName({ instanceId: '{}', role }),
});
