import { Context } from '@temporalio/activity';
import { definitionSchema, type Definition } from '../../domain/discovery/values.ts';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import { NAMESPACE, setName } from '../../domain/services/objects.ts';
import { instancesText, numbersOf, type Generation } from '../../domain/services/record.ts';
import type { HealthCheck } from '../../domain/services/shape.ts';
import { settleBudget } from '../disruption-budget.ts';
import { asActivity } from '../failures.ts';
import type { ServicesAccess } from '../services/access.ts';
import { askInstance } from '../services/ask-instance.ts';
import { behind, readRouting, undrained, writeDefinition, type Routing } from '../services/routing.ts';
import { changeSet, connectCluster, listPods, listSets, readSet, type Pod } from '../services/sets.ts';
import { orNoObject } from '../cloud/kubernetes-errors.ts';

const DELAY_MS = 1_000;
/** A container that ended this often will not run by itself. */
const MAX_RESTARTS = 3;
/** Reasons with which a kubelet says that there is no such image for it. */
const NO_IMAGE = ['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName'];
/** A registry may be away for a moment. */
const IMAGE_PATIENCE_MS = 20_000;

export interface Instances extends Pick<Generation, 'generation' | 'first' | 'count'> {
  readonly service: string;
}

/** What is found of a service before anything changes. */
export interface FoundService {
  readonly generations: readonly (Generation & { readonly announced: number; readonly up: number })[];
  readonly definition?: Definition;
  /** Names of autoscalers of its StatefulSets. */
  readonly autoscalers: readonly string[];
  readonly frozenSince?: string;
}

/** `frozenSince` instead of what was waited for: all presence is lost, and somebody shall be told. */
export interface Routed {
  readonly revision: number;
  readonly frozenSince?: string;
}

export const serviceChecks = (access: ServicesAccess) => {
  const signalOf = () => Context.current().cancellationSignal;
  const cluster = () => connectCluster(access.kubernetes, signalOf());
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
    'service.look': asActivity(
      'look at a service',
      async ({ service }: { readonly service: string }): Promise<FoundService> =>
        look(access, service, signalOf()),
    ),

    /** Lets a generation grow; never the other way, so that a repeat harms nothing. */
    'service.grow': asActivity(
      'start instances',
      async ({
        service,
        generation,
        to,
      }: Pick<Instances, 'service' | 'generation'> & { readonly to: number }) => {
        const set = await readSet(cluster(), service, generation);
        if (!set)
          throw new ZonewrightError(
            'GateFailed',
            `Cannot start instances: "${setName(service, generation)}" is gone`,
          );
        if (set.replicas < to) await changeSet(cluster(), set.name, { replicas: to });
      },
    ),

    /** Waits until instances run and pass their own probes; what cannot come true is a failure at once. */
    'service.running': asActivity('wait for instances', async (instances: Instances) => {
      const { service, generation } = instances;
      const pods = (await listPods(cluster(), service, generation)).filter(({ isLeaving }) => !isLeaving);
      const wanted = numbersOf(instances);
      const here = pods.filter(({ number }) => wanted.includes(number));
      mustBePossible(service, here);
      const missing = wanted.length - here.filter(({ isUp }) => isUp).length;
      if (missing === 0) return { nodes: [...new Set(here.map(({ node }) => node))].toSorted() };
      const [first] = here.filter(({ isUp }) => !isUp);
      const because = first ? `${service}@${first.number}: ${first.because}` : 'not made yet';
      throw new NotYet(`waiting for ${missing} of ${wanted.length} instances to run: ${because}`, DELAY_MS);
    }),

    /** Asks every instance itself, at its own address: what probes say is not enough. */
    'service.healthy': asActivity(
      'ask instances',
      async ({ health, ...instances }: Instances & { readonly health: HealthCheck }) => {
        const { service, generation } = instances;
        const wanted = numbersOf(instances);
        const pods = (await listPods(cluster(), service, generation)).filter(({ number }) =>
          wanted.includes(number),
        );
        const answers = await Promise.all(pods.map((pod) => askInstance(pod.ip, health, signalOf())));
        const bad = answers.flatMap((answer, at) =>
          answer === undefined ? [] : [`${service}@${pods[at]?.number}: ${answer}`],
        );
        if (pods.length < wanted.length) bad.push(`${wanted.length - pods.length} do not run`);
        if (bad.length > 0)
          throw new NotYet(`waiting for instances to be healthy: ${bad.slice(0, 5).join('; ')}`, DELAY_MS);
      },
    ),

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

    'service.stopped': asActivity(
      'wait for instances to end',
      async ({ service, generation }: Pick<Instances, 'service' | 'generation'>) => {
        const pods = await listPods(cluster(), service, generation);
        if (pods.length > 0)
          throw new NotYet(`waiting until ${pods.map(({ name }) => name).join(', ')} have ended`, DELAY_MS);
      },
    ),

    /** Watches instances that have taken over: each look asks all of them and that all are announced. */
    'service.steady': asActivity(
      'watch instances',
      async ({
        until,
        health,
        ...instances
      }: Instances & { readonly until: string; readonly health: HealthCheck }) => {
        await steady(access, instances, health, signalOf());
        if (Date.now() < Date.parse(until))
          throw new NotYet(
            `watching ${instancesText(instances.service, instances)} until ${until}`,
            DELAY_MS,
          );
      },
    ),

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

function mustBePossible(service: string, pods: readonly Pod[]): void {
  const isLate = Date.now() - Context.current().info.scheduledTimestampMs > IMAGE_PATIENCE_MS;
  const unpullable = isLate ? pods.find(({ waitingFor }) => NO_IMAGE.includes(waitingFor)) : undefined;
  const crashing = pods.find(({ restarts, isUp }) => restarts >= MAX_RESTARTS && !isUp);
  const hopeless = unpullable ?? crashing;
  if (hopeless)
    throw new ZonewrightError('GateFailed', `${service}@${hopeless.number} cannot run: ${hopeless.because}`, {
      details: { instance: hopeless.number, node: hopeless.node, reason: hopeless.waitingFor },
    });
}

async function steady(
  access: ServicesAccess,
  instances: Instances,
  health: HealthCheck,
  signal: AbortSignal,
): Promise<void> {
  const { service, generation } = instances;
  const [pods, routing] = await Promise.all([
    listPods(connectCluster(access.kubernetes, signal), service, generation),
    readRouting(access.discovery, service),
  ]);
  const answers = await Promise.all(pods.map(({ ip }) => askInstance(ip, health, signal)));
  const gone = numbersOf(instances).filter((number) => !routing.hosts.has(number));
  const ill = pods.filter((_, at) => answers[at] !== undefined).map(({ number }) => number);
  if (routing.frozenSince === undefined && gone.length + ill.length === 0) return;
  throw new NotYet(
    `watching ${instancesText(service, instances)}: ${gone.length} not announced, ${ill.length} not healthy`,
    DELAY_MS,
  );
}
