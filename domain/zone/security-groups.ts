import { output, type Planned, type PlannedStep } from '../plan.ts';
import type { MachineRole } from '../pki/facts.ts';
import { ROLES } from '../pki/facts.ts';
import type { PlanOf } from '../resources/index.ts';
import type { ZoneLayout } from './layout.ts';

type Rule = Planned<PlanOf<'security-group-rules'>>['ingress'][number];
type Peer = Rule['peer'];

export const securityGroupStep = (role: MachineRole): string => `network/security-group-${role}`;
export const rulesStep = (role: MachineRole): string => `network/security-group-rules-${role}`;

const API = 6443;
const ETCD_CLIENT = 2379;
const ETCD_PEER = 2380;
const DISCOVERY_CLIENT = 2389;
const DISCOVERY_PEER = 2390;
const KUBELET = 10_250;
const SSH = 22;

const WORLD: Peer = { cidr: '0.0.0.0/0' };
const group = (role: MachineRole): Peer => ({ securityGroupId: output(securityGroupStep(role)) });

const tcp = (port: number, peer: Peer, description: string): Rule => ({
  protocol: 'tcp',
  fromPort: port,
  toPort: port,
  peer,
  description,
});
const udp = (port: number, peer: Peer, description: string): Rule => ({
  ...tcp(port, peer, description),
  protocol: 'udp',
});
const everything = (peer: Peer, description: string): Rule => ({ protocol: '-1', peer, description });

interface Rules {
  readonly ingress: readonly Rule[];
  readonly egress: readonly Rule[];
}

/** A group for each role, and what it may hear and say. Groups refer to each other, so their rules come after all. */
export const securityGroupSteps = (layout: ZoneLayout): PlannedStep[] =>
  ROLES.flatMap((role): PlannedStep[] => [
    {
      step: securityGroupStep(role),
      kind: 'security-group',
      name: `${layout.domain}-${role}`,
      role,
      summary: `creating security group ${role}`,
      plan: {
        vpcId: output('network/vpc'),
        groupName: `${layout.domain}-${role}`,
        description: `Machines of role ${role} of ${layout.domain}`,
      },
    },
    {
      step: rulesStep(role),
      kind: 'security-group-rules',
      name: `${layout.domain}-${role}`,
      role,
      summary: `setting the rules of security group ${role}`,
      plan: { groupId: output(securityGroupStep(role)), ...RULES[role](layout) },
    },
  ]);

const RULES: Readonly<Record<MachineRole, (layout: ZoneLayout) => Rules>> = {
  border: borderRules,
  director: directorRules,
  worker: workerRules,
};

const pods = ({ addresses }: ZoneLayout): Peer => ({ cidr: addresses.podCidr });
const throughBorder = ({ spec }: ZoneLayout): boolean => spec.border.sshFrom.length > 0;

/**
 * What every machine asks of the world: the store and AWS by HTTPS (or HTTP), and the time. Security groups do not
 * filter the VPC's resolver: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
 */
const COMMON: readonly Rule[] = [
  tcp(443, WORLD, 'AWS and downloads'),
  tcp(80, WORLD, 'AWS and downloads without TLS'),
  udp(123, WORLD, 'time'),
];

function borderRules(layout: ZoneLayout): Rules {
  const { spec, facts } = layout;
  const temporal = Number(facts.temporal.address.split(':').at(-1));
  return {
    ingress: [
      ...[...new Set(spec.border.publicPorts)].map((port) => tcp(port, WORLD, 'public')),
      ...[...new Set(spec.border.sshFrom)].map((cidr) => tcp(SSH, { cidr }, 'ssh')),
      ...(['director', 'worker'] as const).flatMap((role) => names(group(role))),
      ...names(pods(layout)),
    ],
    egress: [
      ...COMMON,
      // The zone's worker takes its work from Temporal.
      ...([80, 443].includes(temporal) ? [] : [tcp(temporal, WORLD, 'Temporal')]),
      tcp(API, group('director'), 'API server'),
      tcp(ETCD_CLIENT, group('director'), 'health of etcd'),
      tcp(DISCOVERY_CLIENT, group('director'), 'discovery'),
      tcp(KUBELET, group('worker'), 'kubelet'),
      everything(pods(layout), 'pods'),
      ...(throughBorder(layout)
        ? (['director', 'worker'] as const).map((role) => tcp(SSH, group(role), 'ssh'))
        : []),
    ],
  };
}

const names = (peer: Peer): Rule[] => [
  udp(53, peer, 'names of the zone'),
  tcp(53, peer, 'names of the zone'),
];

function directorRules(layout: ZoneLayout): Rules {
  const members = [
    tcp(ETCD_CLIENT, group('director'), 'etcd clients'),
    tcp(ETCD_PEER, group('director'), 'etcd peers'),
    tcp(DISCOVERY_CLIENT, group('director'), 'discovery'),
    tcp(DISCOVERY_PEER, group('director'), 'discovery peers'),
    tcp(API, group('director'), 'API server'),
  ];
  return {
    ingress: [
      ...members,
      tcp(API, group('border'), 'API server'),
      tcp(API, group('worker'), 'API server'),
      // Pods keep their own address on the way, which no security group is known for.
      tcp(API, pods(layout), 'API server, from pods'),
      tcp(ETCD_CLIENT, group('border'), 'health of etcd'),
      tcp(DISCOVERY_CLIENT, group('border'), 'discovery: services'),
      tcp(DISCOVERY_CLIENT, group('worker'), 'discovery: presence'),
      ...(throughBorder(layout) ? [tcp(SSH, group('border'), 'ssh')] : []),
    ],
    egress: [
      ...COMMON,
      ...members,
      ...names(group('border')),
      tcp(KUBELET, group('worker'), 'kubelet: exec and logs'),
    ],
  };
}

function workerRules(layout: ZoneLayout): Rules {
  return {
    ingress: [
      tcp(KUBELET, group('director'), 'kubelet: exec and logs'),
      // To pods; a rule cannot tell them from the node they are on. Kubelet and ssh are among it.
      everything(group('border'), 'pods, from the router'),
      everything(group('worker'), 'pods, from nodes'),
      everything(pods(layout), 'pods, from pods'),
    ],
    egress: [
      ...COMMON,
      ...names(group('border')),
      tcp(API, group('director'), 'API server'),
      tcp(DISCOVERY_CLIENT, group('director'), 'discovery'),
      everything(group('worker'), 'nodes'),
      everything(pods(layout), 'pods'),
    ],
  };
}
