import type { V1Pod } from '@kubernetes/client-node';
import { budgetsOf, mustGo, type BudgetView } from '../domain/zone/drain.ts';
import type { KubernetesAccess } from './cloud/kubernetes.ts';
import { budgetsOfZone, isOfService, podsOn, podView, withdrawnBy, withdrawPod } from './cloud/nodes.ts';

/** Withdraws service pods of a node, as many as their disruption budgets let go at this moment. */
export async function withdrawAllowed(
  access: KubernetesAccess,
  node: string,
  operation: string,
  signal: AbortSignal,
): Promise<void> {
  const [pods, budgets] = await Promise.all([podsOn(access, node, signal), budgetsOfZone(access, signal)]);
  for (const pod of choose(pods, budgets)) await withdrawPod(access, pod, operation, signal);
}

function choose(pods: readonly V1Pod[], budgets: readonly BudgetView[]): V1Pod[] {
  const left = new Map(budgets.map(({ budget, allowed }) => [budget, allowed]));
  return pods.filter((pod) => {
    const view = podView(pod);
    if (!isOfService(pod) || !mustGo(view) || view.leaving || withdrawnBy(pod) !== undefined) return false;
    const counted = budgetsOf(view, budgets);
    if (counted.some(({ budget }) => (left.get(budget) ?? 0) <= 0)) return false;
    for (const { budget } of counted) left.set(budget, (left.get(budget) ?? 0) - 1);
    return true;
  });
}
