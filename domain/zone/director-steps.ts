import { ETCD_CLUSTERS, peerUrl, type EtcdCluster } from '../etcd/clusters.ts';
import { memberName, type MachineConfigInput } from '../machine-config.ts';
import type { PlannedStep } from '../plan.ts';
import type { MemberOf } from '../resources/etcd-member.ts';
import { machinesOf, type MachinePlan, type ZoneLayout } from './layout.ts';
import { certificatesStep, instanceStep } from './machine-steps.ts';

export const memberStep = (machine: string, cluster: EtcdCluster): string =>
  `machines/${machine}/etcd-member-${cluster}`;
export const voterStep = (machine: string, cluster: EtcdCluster): string =>
  `machines/${machine}/etcd-voter-${cluster}`;

type Director = Pick<MachinePlan, 'slot' | 'privateIp'>;

/** The members that a director is: one of each cluster. */
export const membersOf = ({ slot, privateIp }: Director): MemberOf[] =>
  ETCD_CLUSTERS.map((cluster) => ({
    cluster,
    name: memberName(slot),
    peerUrl: peerUrl(cluster, privateIp),
  }));

/** A director that joins finds a cluster: its etcd waits to be let in rather than making one of its own. */
export const joiningConfig = (config: MachineConfigInput): MachineConfigInput => ({
  ...config,
  cluster: {
    ...config.cluster,
    etcd: { ...config.cluster.etcd, initialState: 'existing' },
    discovery: { ...config.cluster.discovery, initialState: 'existing' },
  },
});

/**
 * The steps of a director that joins: its places in etcd before its machine, its votes after all else. Undone the
 * other way round, a vote is taken back while the machine still runs: of two voters none may go before.
 */
export function withMembers(
  layout: ZoneLayout,
  machine: MachinePlan,
  steps: readonly PlannedStep[],
): PlannedStep[] {
  const { name, role } = machine;
  const others = machinesOf(layout, 'director').filter((one) => one.name !== name);
  const common = { name: `${layout.domain}-${name}`, role };
  const members = membersOf(machine).flatMap((member): PlannedStep[] => [
    {
      ...common,
      step: memberStep(name, member.cluster),
      kind: 'etcd-member',
      summary: `adding ${name} to etcd "${member.cluster}" as a learner`,
      plan: { ...member, others: companyOf(others, member.cluster) },
    },
    {
      ...common,
      step: voterStep(name, member.cluster),
      kind: 'etcd-voter',
      summary: `promoting ${name} in etcd "${member.cluster}"`,
      plan: member,
      after: [memberStep(name, member.cluster), certificatesStep(name)],
    },
  ]);
  const places = ETCD_CLUSTERS.map((cluster) => memberStep(name, cluster));
  const waits = (step: PlannedStep): PlannedStep =>
    step.step === instanceStep(name) ? { ...step, after: [...(step.after ?? []), ...places] } : step;
  return [...steps.map(waits), ...members];
}

const companyOf = (others: readonly Director[], cluster: EtcdCluster): Record<string, string> =>
  Object.fromEntries(others.map(({ slot, privateIp }) => [memberName(slot), peerUrl(cluster, privateIp)]));
