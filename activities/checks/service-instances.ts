import { Context } from '@temporalio/activity';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import { setName } from '../../domain/services/objects.ts';
import { instancesText, numbersOf, type Generation } from '../../domain/services/record.ts';
import type { HealthCheck } from '../../domain/services/shape.ts';
import { asActivity } from '../failures.ts';
import type { ServicesAccess } from '../services/access.ts';
import { askInstance } from '../services/ask-instance.ts';
import { readRouting } from '../services/routing.ts';
import { changeSet, connectCluster, listPods, readSet, type Pod } from '../services/sets.ts';

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

/** Starts instances, and waits for what they do themselves: run, be healthy, end. */
export const serviceInstanceChecks = (access: ServicesAccess) => {
  const signalOf = () => Context.current().cancellationSignal;
  const cluster = () => connectCluster(access.kubernetes, signalOf());
  return {
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
  };
};

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
