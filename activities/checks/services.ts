import { Context } from '@temporalio/activity';
import { definitionSchema, type Definition } from '../../domain/discovery/values.ts';
import { NAMESPACE } from '../../domain/services/objects.ts';
import { numbersOf, type Generation } from '../../domain/services/record.ts';
import { asActivity } from '../failures.ts';
import type { ServicesAccess } from '../services/access.ts';
import { readRouting } from '../services/routing.ts';
import { connectCluster, listPods, listSets } from '../services/sets.ts';
import { serviceEndingChecks } from './service-ending.ts';
import { serviceInstanceChecks } from './service-instances.ts';
import { serviceRoutingChecks } from './service-routing.ts';

/** What is found of a service before anything changes. */
export interface FoundService {
  readonly generations: readonly (Generation & { readonly announced: number; readonly up: number })[];
  readonly definition?: Definition;
  /** Names of autoscalers of its StatefulSets. */
  readonly autoscalers: readonly string[];
  readonly frozenSince?: string;
}

export const serviceChecks = (access: ServicesAccess) => ({
  'service.look': asActivity(
    'look at a service',
    async ({ service }: { readonly service: string }): Promise<FoundService> =>
      look(access, service, Context.current().cancellationSignal),
  ),
  ...serviceInstanceChecks(access),
  ...serviceRoutingChecks(access),
  ...serviceEndingChecks(access),
});

async function look(access: ServicesAccess, service: string, signal: AbortSignal): Promise<FoundService> {
  const api = connectCluster(access.kubernetes, signal);
  const [sets, pods, routing, scalers] = await Promise.all([
    listSets(api, service),
    listPods(api, service),
    readRouting(access.discovery, service),
    api.autoscaling.listNamespacedHorizontalPodAutoscaler({ namespace: NAMESPACE }),
  ]);
  const names = new Set(sets.map(({ name }) => name));
  const { definition, frozenSince } = routing;
  const defined =
    definition === undefined ? undefined : definitionSchema.safeParse(JSON.parse(definition)).data;
  return {
    generations: sets.map(({ generation, version, first, replicas: count }) => {
      const numbers = numbersOf({ first, count });
      return {
        ...{ generation, version, first, count },
        announced: numbers.filter((number) => routing.hosts.has(number)).length,
        up: pods.filter((pod) => pod.generation === generation && pod.isUp && !pod.isLeaving).length,
      };
    }),
    ...(defined === undefined ? {} : { definition: defined }),
    autoscalers: scalers.items
      .filter(({ spec }) => names.has(spec?.scaleTargetRef.name ?? ''))
      .map(({ metadata }) => metadata?.name ?? ''),
    ...(frozenSince === undefined ? {} : { frozenSince }),
  };
}
