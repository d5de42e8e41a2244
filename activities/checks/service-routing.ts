import { Context } from '@temporalio/activity';
import { NotYet } from '../../domain/errors.ts';
import { instancesText, numbersOf } from '../../domain/services/record.ts';
import { asActivity } from '../failures.ts';
import type { ServicesAccess } from '../services/access.ts';
import { behind, readRouting, undrained, type Routing } from '../services/routing.ts';
import { connectCluster, listPods } from '../services/sets.ts';
import type { Instances } from './service-instances.ts';

const DELAY_MS = 1_000;

/** `frozenSince` instead of what was waited for: all presence is lost, and somebody shall be told. */
export interface Routed {
  readonly revision: number;
  readonly frozenSince?: string;
}

/** Waits for what is announced of instances, and for what routers make of it. */
export const serviceRoutingChecks = (access: ServicesAccess) => {
  const cluster = () => connectCluster(access.kubernetes, Context.current().cancellationSignal);
  const routed = async (
    service: string,
    because: (routing: Routing) => string | undefined,
  ): Promise<Routed> => {
    const routing = await readRouting(access.discovery, service);
    const { revision, frozenSince } = routing;
    if (frozenSince !== undefined) return { revision, frozenSince };
    const open = because(routing);
    if (open !== undefined) throw new NotYet(open, DELAY_MS);
    const late = behind(routing);
    if (late.length > 0) throw new NotYet(`waiting for routers: ${late.join('; ')}`, DELAY_MS);
    return { revision };
  };
  return {
    /** Waits until at least so many of these are announced and every router knows them. */
    'service.announced': asActivity(
      'wait for presence',
      async ({ atLeast, ...instances }: Instances & { readonly atLeast: number }) =>
        routed(instances.service, ({ hosts }) => {
          const there = numbersOf(instances).filter((number) => hosts.has(number)).length;
          if (there >= atLeast) return undefined;
          return `waiting until ${atLeast} of ${instancesText(instances.service, instances)} are announced: ${there} are`;
        }),
    ),

    /** Waits until every instance that runs, whoever started it, is announced; `routed`: and known to every router. */
    'service.projected': asActivity(
      'wait for presence',
      async ({ service, routed: isRouted }: { readonly service: string; readonly routed?: true }) => {
        const [pods, routing] = await Promise.all([
          listPods(cluster(), service),
          readRouting(access.discovery, service),
        ]);
        const { revision, hosts } = routing;
        const serving = pods.filter(({ isUp, isLeaving, isWithdrawn }) => isUp && !isLeaving && !isWithdrawn);
        const missing = serving.filter(({ number, ip }) => hosts.get(number)?.split(':')[0] !== ip);
        if (missing.length > 0)
          throw new NotYet(
            `waiting until ${missing.map(({ name }) => name).join(', ')} are announced`,
            DELAY_MS,
          );
        const late = isRouted ? behind(routing) : [];
        if (late.length > 0) throw new NotYet(`waiting for routers: ${late.join('; ')}`, DELAY_MS);
        return { revision, announced: hosts.size };
      },
    ),

    /** Waits until none of these is announced and no router's configuration has them. */
    'service.unrouted': asActivity('wait for routers', async (instances: Instances) =>
      routed(instances.service, ({ hosts }) => {
        const still = numbersOf(instances).filter((number) => hosts.has(number));
        return still.length === 0
          ? undefined
          : `waiting until ${instances.service}@${still.join(', @')} are announced no longer`;
      }),
    ),

    /** Waits until no process of a router can send anything to what was routed before `revision`, or until `until`. */
    'service.drained': asActivity(
      'drain',
      async ({
        service,
        revision,
        until,
      }: {
        readonly service: string;
        readonly revision: number;
        readonly until: string;
      }) => {
        const open = undrained(await readRouting(access.discovery, service), revision);
        if (open.length === 0) return { cut: [] };
        if (Date.now() >= Date.parse(until)) return { cut: open };
        throw new NotYet(`draining until ${until}: ${open.join('; ')}`, DELAY_MS);
      },
    ),

    /** Waits until presence is back. */
    'service.thawed': asActivity('wait for presence', async ({ service }: { readonly service: string }) => {
      const { frozenSince } = await readRouting(access.discovery, service);
      if (frozenSince !== undefined)
        throw new NotYet(`all presence of "${service}" is lost since ${frozenSince}`, DELAY_MS);
    }),
  };
};
