import type { RemovePlan } from '../domain/zone/remove.ts';
import { activity, type Operation } from './operation.ts';
import { LOOK } from './retries.ts';

/**
 * Refuses to remove a director whose members their clusters cannot do without. Called before anybody is asked, and
 * again just before the members go. A refusal ends the operation: what stands in the way is another machine.
 */
export async function refuseBelowQuorum(
  operation: Operation,
  { members = [], machine, zone }: RemovePlan,
): Promise<void> {
  for (const member of members) {
    await operation.gate();
    const summary = `looking whether etcd "${member.cluster}" can miss ${machine}`;
    await operation.orDecide(
      summary,
      () => activity('etcd.releases', member, { ...LOOK, summary }, zone),
      'GateFailed',
    );
  }
}

/**
 * Takes a director's members out of their clusters, past the point of no return, while its machine still runs: of two
 * voters, both must agree.
 */
export async function leaveEtcd(
  operation: Operation,
  { members = [], machine, zone }: RemovePlan,
): Promise<void> {
  for (const member of members.toReversed()) {
    const { fence } = operation;
    const summary = `taking ${machine} out of etcd "${member.cluster}"`;
    await operation.check('etcd.remove', { ...member, fence }, summary, zone);
  }
}
