import { WITHDRAWN_ANNOTATION } from '../domain/discovery/values.ts';
import { NotYet, ZonewrightError } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { setName } from '../domain/services/objects.ts';
import { instancesText, numbersOf } from '../domain/services/record.ts';
import type { Effect, EffectSettings } from './effect.ts';
import type { ServicesAccess } from './services/access.ts';
import { mustNotBeMissed } from './services/guards.ts';
import { behind, readRouting, type Routing } from './services/routing.ts';
import {
  changeSet,
  connectCluster,
  listPods,
  readSet,
  RETURNING,
  withdrawPod,
  type Cluster,
} from './services/sets.ts';

type Plan = PlanOf<'service-withdrawal'>;

/** Noted on the StatefulSet, for the operation that withdraws: pods made meanwhile are born withdrawn. */
const WITHDRAWING = 'zonewright.dev/withdrawn-by';

export function serviceWithdrawalEffect(
  access: ServicesAccess,
  { pollMs }: Pick<EffectSettings, 'pollMs'>,
): Effect<Plan, RefOf<'service-withdrawal'>> {
  return {
    async describe(plan, { owner, signal }) {
      const set = await readSet(connectCluster(access.kubernetes, signal), plan.service, plan.generation);
      const mine = [set?.annotations[WITHDRAWING], set?.annotations[RETURNING]].includes(owner.operation);
      return set && mine ? [{ ref: { id: set.name }, owned: set.isOurs, attempt: 0, mismatch: [] }] : [];
    },

    async create(plan, { owner, signal }) {
      const cluster = connectCluster(access.kubernetes, signal);
      const { service, generation, keep } = plan;
      const name = setName(service, generation);
      if (!(await readSet(cluster, service, generation)))
        throw new ZonewrightError(
          'GateFailed',
          `Cannot withdraw ${instancesText(service, plan)}: "${name}" is gone`,
        );
      mustNotBeMissed(service, await readRouting(access.discovery, service), numbersOf(plan), keep);
      const annotations = { [WITHDRAWING]: owner.operation, [RETURNING]: null };
      await changeSet(cluster, name, { annotations, withdrawn: owner.operation });
      await mark(cluster, plan, owner.operation);
      return { id: name };
    },

    /** A crash may have left some of them announced. */
    async complete(ref, plan, { owner, signal }) {
      await mark(connectCluster(access.kubernetes, signal), plan, owner.operation);
      return ref;
    },

    async remove(ref, plan, { signal }) {
      if (!plan) return;
      const cluster = connectCluster(access.kubernetes, signal);
      const set = await readSet(cluster, plan.service, plan.generation);
      if (!set) return;
      const operation = set.annotations[WITHDRAWING] ?? set.annotations[RETURNING] ?? null;
      const returning = { [WITHDRAWING]: null, [RETURNING]: operation };
      await changeSet(cluster, ref.id, { annotations: returning, withdrawn: null });
      await mark(cluster, plan, null);
      const because = unreturned(plan, await readRouting(access.discovery, plan.service));
      if (because !== undefined) throw new NotYet(because, pollMs);
      await changeSet(cluster, ref.id, { annotations: { [RETURNING]: null } });
    },

    leftovers: 'with its parent',
  };
}

/** Each pod as the plan says, those that say so already left alone. */
async function mark(cluster: Cluster, plan: Plan, operation: string | null): Promise<void> {
  const pods = await listPods(cluster, plan.service, plan.generation);
  const others = pods.filter((pod) => pod.isWithdrawn !== (operation !== null) && !pod.isLeaving);
  await Promise.all(others.map((pod) => withdrawPod(cluster, pod, operation)));
}

/** Why not as many are announced again as were, and known to every router. */
function unreturned(plan: Plan, routing: Routing): string | undefined {
  const back = numbersOf(plan).filter((number) => routing.hosts.has(number)).length;
  const text = instancesText(plan.service, plan);
  if (back < plan.announced)
    return `waiting until ${plan.announced} of ${text} are announced again: ${back} are (${WITHDRAWN_ANNOTATION} is off)`;
  const late = behind(routing);
  return late.length > 0 ? `waiting for routers: ${late.join('; ')}` : undefined;
}
