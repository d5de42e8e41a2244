import type { V1StatefulSet } from '@kubernetes/client-node';
import { NotYet } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { NAMESPACE, OPERATION_ANNOTATION, setName } from '../domain/services/objects.ts';
import { numbersOf } from '../domain/services/record.ts';
import { differences } from './cloud/tags.ts';
import type { Effect, EffectSettings } from './effect.ts';
import { mustNotBeMissed } from './services/guards.ts';
import { behind, readRouting, undrained, type Routing } from './services/routing.ts';
import {
  changeSet,
  connectCluster,
  listPods,
  madeBy,
  readSet,
  UNROUTED,
  withdrawPod,
  type Cluster,
  type Set,
} from './services/sets.ts';
import type { ServicesAccess } from './services/access.ts';

type Plan = PlanOf<'service-generation'>;
type Ref = RefOf<'service-generation'>;

/** Its removal is what takes instances back that are announced already: see `retreat`. */
export function serviceGenerationEffect(
  access: ServicesAccess,
  { pollMs }: Pick<EffectSettings, 'pollMs'>,
): Effect<Plan, Ref> {
  return {
    async describe(plan, { owner, signal }) {
      const cluster = connectCluster(access.kubernetes, signal);
      const set = await readSet(cluster, plan.service, plan.generation);
      if (!set) return [];
      const mismatch = differences({
        version: [set.version, plan.version],
        'first number': [set.first, plan.first],
      });
      return [{ ref: { id: set.uid }, owned: madeBy(set) === owner.operation, attempt: 0, mismatch }];
    },

    async create(plan, { owner, signal }) {
      const body = structuredClone(plan.object) as V1StatefulSet;
      body.metadata = Object.assign(body.metadata ?? {}, {
        annotations: { [OPERATION_ANNOTATION]: owner.operation },
      });
      const { apps } = connectCluster(access.kubernetes, signal);
      const made = await apps.createNamespacedStatefulSet({ namespace: NAMESPACE, body });
      return { id: made.metadata?.uid ?? '' };
    },

    async remove(_ref, plan, { signal }) {
      if (!plan) return;
      const cluster = connectCluster(access.kubernetes, signal);
      const set = await readSet(cluster, plan.service, plan.generation);
      if (!set) return;
      if (!set.isLeaving) await retreat(cluster, access, plan, set, pollMs);
      const { service, generation } = plan;
      const name = setName(service, generation);
      if (!set.isLeaving)
        await cluster.apps.deleteNamespacedStatefulSet({
          ...{ name, namespace: NAMESPACE },
          body: { propagationPolicy: 'Foreground', preconditions: { uid: set.uid } },
        });
      const pods = await listPods(cluster, service, generation);
      if (pods.length > 0)
        throw new NotYet(`waiting until ${pods.length} instances of ${name} have ended`, pollMs);
    },

    leftovers: 'with its parent',
  };
}

/**
 * One step further on the way out, each noted on the StatefulSet itself so that any worker goes on with it: withdrawn,
 * unknown to every router, drained.
 *
 * @throws {NotYet} until all is done
 */
async function retreat(
  cluster: Cluster,
  access: ServicesAccess,
  plan: Plan,
  set: Set,
  pollMs: number,
): Promise<void> {
  const { service, generation, keep, drainSeconds } = plan;
  const routing = await readRouting(access.discovery, service);
  const numbers = numbersOf(plan);
  const isRouted = numbers.some((number) => routing.hosts.has(number));
  const pods = await listPods(cluster, service, generation);
  const announceable = pods.filter((pod) => !pod.isWithdrawn);
  if (!set.isWithdrawn || announceable.length > 0) {
    if (isRouted && !set.isWithdrawn) mustNotBeMissed(service, routing, numbers, keep);
    await changeSet(cluster, set.name, { withdrawn: madeBy(set) ?? 'removal' });
    for (const pod of announceable) await withdrawPod(cluster, pod, madeBy(set) ?? 'removal');
    // What was announced while it was withdrawn is seen at the next look.
    if (pods.length > 0) throw new NotYet(`withdrawing ${set.name}`, pollMs);
  }
  if (set.replicas === 0) return;
  const noted = set.annotations[UNROUTED];
  // Announced all the same, by an agent that was late: what was noted counts no more.
  if (noted !== undefined && isRouted)
    await changeSet(cluster, set.name, { annotations: { [UNROUTED]: null } });
  if (noted === undefined || isRouted) {
    mustBeUnrouted(service, routing, isRouted, pollMs);
    const note = `${routing.revision} ${new Date(Date.now() + drainSeconds * 1_000).toISOString()}`;
    await changeSet(cluster, set.name, { annotations: { [UNROUTED]: note } });
    throw new NotYet(`draining ${set.name}`, pollMs);
  }
  const [revision = '0', until = ''] = noted.split(' ');
  const open = undrained(routing, Number(revision));
  if (open.length > 0 && Date.now() < Date.parse(until))
    throw new NotYet(`draining ${set.name} until ${until}: ${open.join('; ')}`, pollMs);
}

function mustBeUnrouted(service: string, routing: Routing, isRouted: boolean, pollMs: number): void {
  // Without its definition a service is projected no longer, whatever is announced.
  if (isRouted) throw new NotYet(`waiting until instances of "${service}" are announced no longer`, pollMs);
  const late = behind(routing);
  if (late.length > 0) throw new NotYet(`waiting for routers: ${late.join('; ')}`, pollMs);
}
