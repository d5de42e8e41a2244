import type { PlanOf } from '../domain/resources/index.ts';
import type { JoinPlan } from '../domain/zone/join.ts';
import type { Operation } from './operation.ts';

const MINUTE = 60_000;

const membersOf = ({ steps }: JoinPlan) =>
  steps.flatMap((step) => (step.kind === 'etcd-member' ? [step.plan as PlanOf<'etcd-member'>] : []));

/** The gate of a director, before anything is made: etcd misses nobody and has nobody half way. */
export async function etcdAdmits(operation: Operation, plan: JoinPlan): Promise<void> {
  for (const { cluster, name, peerUrl } of membersOf(plan)) {
    await operation.check(
      'etcd.admits',
      { cluster, name, peerUrl },
      `looking whether etcd "${cluster}" takes another member`,
      operation.input.zone,
    );
  }
}

/** The gate of a director, after its vote: its own API server answers, and etcd as a whole takes writes. */
export async function directorAnswers(operation: Operation, plan: JoinPlan): Promise<void> {
  const { zone = '' } = operation.input;
  const { name, privateIp } = plan.machine;
  const waiting = (what: string) => ({ what, giveUpMs: 30 * MINUTE, progressMs: 5 * MINUTE, zone });
  await operation.waitFor(
    'apiserver.ready',
    { address: privateIp },
    waiting(`the API server of ${name} to be ready`),
  );
  const [kubernetes] = membersOf(plan);
  const members = Object.keys(kubernetes?.others ?? {}).length + 1;
  await operation.waitFor('etcd.health', { members }, waiting('etcd to take and give back a value'));
}
