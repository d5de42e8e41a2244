import type { V1PodDisruptionBudget } from '@kubernetes/client-node';
import { ZonewrightError } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { disruptionBudget, NAMESPACE, OPERATION_ANNOTATION } from '../domain/services/objects.ts';
import { orNoObject } from './cloud/kubernetes-errors.ts';
import { given } from './cloud/tags.ts';
import type { Effect } from './effect.ts';
import type { ServicesAccess } from './services/access.ts';
import { connectCluster, type Cluster } from './services/sets.ts';

/** What the budget was before the operation that its annotation names. */
const BEFORE = 'zonewright.dev/min-available-before';

const readBudget = ({ policy }: Cluster, name: string) =>
  orNoObject(policy.readNamespacedPodDisruptionBudget({ name, namespace: NAMESPACE }));

const isOurs = ({ metadata }: V1PodDisruptionBudget): boolean =>
  metadata?.labels?.['app.kubernetes.io/managed-by'] === 'zonewright';

const refOf = ({ metadata }: V1PodDisruptionBudget) => ({ id: given(metadata?.uid, 'uid') });

/** A service keeps one budget over all its generations, so an operation changes it and notes what it was. */
export function disruptionBudgetEffect({
  kubernetes,
}: ServicesAccess): Effect<PlanOf<'disruption-budget'>, RefOf<'disruption-budget'>> {
  return {
    async describe(plan, { owner, signal }) {
      const found = await readBudget(connectCluster(kubernetes, signal), plan.service);
      if (found?.metadata?.annotations?.[OPERATION_ANNOTATION] !== owner.operation) return [];
      return [{ ref: refOf(found), owned: isOurs(found), attempt: 0, mismatch: [] }];
    },

    async create(plan, { owner, signal }) {
      const cluster = connectCluster(kubernetes, signal);
      const found = await readBudget(cluster, plan.service);
      const object = disruptionBudget(plan.service, plan.minAvailable);
      const annotations = { [OPERATION_ANNOTATION]: owner.operation };
      if (!found) {
        const body = { ...object, metadata: { ...object.metadata, annotations } };
        return refOf(
          await cluster.policy.createNamespacedPodDisruptionBudget({ namespace: NAMESPACE, body }),
        );
      }
      if (!isOurs(found))
        throw new ZonewrightError(
          'ForeignResource',
          `Cannot set the budget of "${plan.service}": a PodDisruptionBudget of this name was made by somebody else`,
          { details: { kind: 'disruption-budget', ids: [refOf(found).id] } },
        );
      const before = String(found.spec?.minAvailable ?? 0);
      await write(cluster, plan.service, plan.minAvailable, { ...annotations, [BEFORE]: before });
      return refOf(found);
    },

    async remove(_ref, plan, { signal }) {
      if (!plan) return;
      const cluster = connectCluster(kubernetes, signal);
      const found = await readBudget(cluster, plan.service);
      const before = found?.metadata?.annotations?.[BEFORE];
      if (!found) return;
      if (before === undefined)
        await orNoObject(
          cluster.policy.deleteNamespacedPodDisruptionBudget({ name: plan.service, namespace: NAMESPACE }),
        );
      else
        await write(cluster, plan.service, Number(before), { [OPERATION_ANNOTATION]: null, [BEFORE]: null });
    },

    leftovers: 'with its parent',
  };
}

/** Sets what evictions must leave, and whose undo may take it back. */
export async function write(
  { policy }: Cluster,
  name: string,
  minAvailable: number,
  annotations: Readonly<Record<string, string | null>>,
): Promise<void> {
  const body = { metadata: { annotations }, spec: { minAvailable } };
  await policy.patchNamespacedPodDisruptionBudget({
    name,
    namespace: NAMESPACE,
    body,
    fieldManager: 'zonewright',
  });
}

/** What a roll ends with: the number holds, and no undo takes it back. */
export const settleBudget = (cluster: Cluster, service: string, minAvailable: number): Promise<void> =>
  write(cluster, service, minAvailable, { [OPERATION_ANNOTATION]: null, [BEFORE]: null });
