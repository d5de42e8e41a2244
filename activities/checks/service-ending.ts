import { Context } from '@temporalio/activity';
import { ZonewrightError } from '../../domain/errors.ts';
import { NAMESPACE } from '../../domain/services/objects.ts';
import { orNoObject } from '../cloud/kubernetes-errors.ts';
import { settleBudget } from '../disruption-budget.ts';
import { asActivity } from '../failures.ts';
import type { ServicesAccess } from '../services/access.ts';
import { readRouting, writeDefinition } from '../services/routing.ts';
import { changeSet, connectCluster, listSets, readSet } from '../services/sets.ts';

/** Takes away what a service, or a generation of it, has no more use for. */
export const serviceEndingChecks = (access: ServicesAccess) => {
  const cluster = () => connectCluster(access.kubernetes, Context.current().cancellationSignal);
  return {
    /** Lets routers forget a service, whatever is announced of it. */
    'service.undefine': asActivity('undefine a service', ({ service }: { readonly service: string }) =>
      writeDefinition(access.discovery, service, undefined),
    ),

    /** Stops all instances of a service that no router knows. */
    'service.stop': asActivity('stop a service', async ({ service }: { readonly service: string }) => {
      const { hosts } = await readRouting(access.discovery, service);
      if (hosts.size > 0)
        throw new ZonewrightError(
          'GateFailed',
          `Cannot stop "${service}": ${hosts.size} instances are routed`,
        );
      for (const { name, replicas } of await listSets(cluster(), service))
        if (replicas > 0) await changeSet(cluster(), name, { replicas: 0 });
    }),

    /** Takes the empty StatefulSet of stopped instances away, and lets the budget be what it shall be from now on. */
    'service.settle': asActivity(
      'forget stopped instances',
      async ({
        service,
        stopped,
        minAvailable,
      }: {
        readonly service: string;
        readonly stopped: readonly number[];
        readonly minAvailable?: number;
      }) => {
        const api = cluster();
        for (const generation of stopped) {
          const set = await readSet(api, service, generation);
          if (!set) continue;
          if (set.replicas > 0 || !set.isOurs)
            throw new ZonewrightError(
              'GateFailed',
              `Cannot forget "${set.name}": it has ${set.replicas} instances`,
            );
          await orNoObject(api.apps.deleteNamespacedStatefulSet({ name: set.name, namespace: NAMESPACE }));
        }
        if (minAvailable !== undefined) await settleBudget(api, service, minAvailable);
        else
          await orNoObject(
            api.policy.deleteNamespacedPodDisruptionBudget({ name: service, namespace: NAMESPACE }),
          );
      },
    ),
  };
};
