import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import type { KubernetesAccess } from './cloud/kubernetes.ts';
import { podsOn, withdrawnBy, withdrawPod } from './cloud/nodes.ts';
import type { Effect } from './effect.ts';
import { withdrawAllowed } from './withdraw-allowed.ts';

type Plan = PlanOf<'node-withdrawal'>;

/**
 * Service pods of a node that are announced no more. A withdrawn pod counts as unready, so only as many are withdrawn
 * as their budgets let go; the drain withdraws the others when their turn comes, under the same operation's name.
 */
export const nodeWithdrawalEffect = (access: KubernetesAccess): Effect<Plan, RefOf<'node-withdrawal'>> => ({
  async describe(plan, { owner, signal }) {
    const pods = await podsOn(access, plan.node, signal);
    const mine = pods.some((pod) => withdrawnBy(pod) === owner.operation);
    return mine
      ? [{ ref: { id: plan.node, by: owner.operation }, owned: true, attempt: 0, mismatch: [] }]
      : [];
  },

  async create(plan, { owner, signal }) {
    await withdrawAllowed(access, plan.node, owner.operation, signal);
    return { id: plan.node, by: owner.operation };
  },

  async remove(ref, _plan, { signal }) {
    for (const pod of await podsOn(access, ref.id, signal))
      if (withdrawnBy(pod) === ref.by) await withdrawPod(access, pod, undefined, signal);
  },

  leftovers: 'with its parent',
});
