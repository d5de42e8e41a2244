import { NotYet, ZonewrightError } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { setName } from '../domain/services/objects.ts';
import { instancesText } from '../domain/services/record.ts';
import type { Effect, EffectSettings } from './effect.ts';
import type { ServicesAccess } from './services/access.ts';
import { mustNotBeFrozen } from './services/guards.ts';
import { readRouting } from './services/routing.ts';
import { changeSet, connectCluster, listPods, readSet, SHRUNK } from './services/sets.ts';

/** Stops none that is still announced: it refuses, since only a plan in the wrong order asks for that. */
export function serviceShrinkEffect(
  access: ServicesAccess,
  { pollMs }: Pick<EffectSettings, 'pollMs'>,
): Effect<PlanOf<'service-shrink'>, RefOf<'service-shrink'>> {
  return {
    async describe(plan, { owner, signal }) {
      const set = await readSet(connectCluster(access.kubernetes, signal), plan.service, plan.generation);
      const mine = set?.annotations[SHRUNK] === owner.operation;
      return set && mine ? [{ ref: { id: set.name }, owned: set.isOurs, attempt: 0, mismatch: [] }] : [];
    },

    async create(plan, { owner, signal }) {
      const cluster = connectCluster(access.kubernetes, signal);
      const { service, generation } = plan;
      const routing = await readRouting(access.discovery, service);
      mustNotBeFrozen(service, routing);
      const pods = await listPods(cluster, service, generation);
      const open = pods.filter(({ number, isWithdrawn }) => !isWithdrawn || routing.hosts.has(number));
      if (open.length > 0)
        throw new ZonewrightError(
          'GateFailed',
          `Cannot stop ${open.map(({ number }) => `${service}@${number}`).join(', ')}: still announced`,
        );
      const name = setName(service, generation);
      await changeSet(cluster, name, { replicas: 0, annotations: { [SHRUNK]: owner.operation } });
      return { id: name };
    },

    /** Starts as many again as there were; they are born withdrawn, as those were that stopped. */
    async remove(ref, plan, { signal }) {
      if (!plan) return;
      const cluster = connectCluster(access.kubernetes, signal);
      const { service, generation, count, up } = plan;
      const set = await readSet(cluster, service, generation);
      if (!set) return;
      if (set.replicas < count) await changeSet(cluster, ref.id, { replicas: count });
      const pods = await listPods(cluster, service, generation);
      const back = pods.filter(({ isUp, isLeaving }) => isUp && !isLeaving).length;
      if (back < up)
        throw new NotYet(
          `waiting until ${up} of ${instancesText(service, plan)} run again: ${back} do`,
          pollMs,
        );
      await changeSet(cluster, ref.id, { annotations: { [SHRUNK]: null } });
    },

    leftovers: 'with its parent',
  };
}
