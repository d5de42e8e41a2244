/** What the activities of each operation are for, in the order of the work. Stages overlap: they do not add up. */
import { stage, type ActivityInterval, type OperationFigures } from './history.ts';
import type { Measurements } from './measurement.ts';

type Matches = (activity: ActivityInterval) => boolean;
type Stages = readonly (readonly [name: string, matches: Matches])[];

const NETWORK =
  /^(vpc|subnet|internet-gateway|nat-gateway|elastic-ip|route-table|route|security-group|security-group-rules)\./;

const type =
  (pattern: RegExp): Matches =>
  (activity) =>
    pattern.test(activity.type);
const says =
  (pattern: RegExp): Matches =>
  (activity) =>
    pattern.test(activity.summary);
const both =
  (one: Matches, other: Matches): Matches =>
  (activity) =>
    one(activity) && other(activity);
const not =
  (one: Matches): Matches =>
  (activity) =>
    !one(activity);

const MAKING = type(/\.(create|ready)$/);
const PROOF = ['proof that nothing is left: two looks and the wait between them', type(/^sweep$/)] as const;

export const BAKE_STAGES: Stages = [
  ['network of the builder', both(type(NETWORK), MAKING)],
  ['role and instance profile', both(type(/^(role|instance-profile)\./), MAKING)],
  ['builder launched (EC2 sees a new profile after 15 s)', says(/^starting the builder/)],
  ['builder at work, to powered off', says(/^waiting for builder/)],
  ['image', type(/^image\.(create|ready)$/)],
  ['boot test, to powered off', says(/^(booting the new image|waiting for boot test)/)],
  ['removing what is temporary', type(/\.delete$/)],
  PROOF,
];

const PODS = says(/^routing pods/);

export const CREATE_STAGES: Stages = [
  ['network', both(both(type(NETWORK), MAKING), not(PODS))],
  ['roles and instance profiles', both(type(/^(role|instance-profile)\./), MAKING)],
  ['authorities', type(/^authority\./)],
  ['names', type(/^(delegation-set|hosted-zone|dns-records)\./)],
  ['delegation seen in DNS', type(/^dns\.delegated$/)],
  ['machines launched (EC2 sees new profiles after 15 s)', type(/^instance\./)],
  ['machines boot, make keys, are signed', type(/^machine-certificates\./)],
  ['control plane up, node ready and admitted', type(/^node-admission\./)],
  ['gates: etcd, API server, controllers, node', type(/^(etcd\.health|(apiserver|components|node)\.ready)$/)],
  ['gate: a pod answers', type(/^pod\.answers$/)],
];

export const DESTROY_STAGES: Stages = [
  ['machines', type(/^instance\./)],
  ['everything, to the VPC', type(/\.delete$/)],
  ['what machines wrote', type(/^store\.purge$/)],
  PROOF,
];

export const JOIN_STAGES: Stages = [
  ['machine launched', type(/^instance\.(create|ready)$/)],
  ['machine boots, makes keys, is signed', type(/^machine-certificates\./)],
  ['to the node that Kubernetes knows', type(/^node\.create$/)],
  ['gates: node ready, a pod on it answers', type(/^(node\.ready|pod\.(answers|remove))$/)],
  ['labels and untaint', type(/^node-admission\./)],
];

export const REMOVE_STAGES: Stages = [
  [
    'looking: manifest, machine, pods, budgets',
    type(/^(manifest\.(about|parts)|instance\.look|node\.look)$/),
  ],
  ['cordon and withdrawal', type(/^node-(cordon|withdrawal)\.create$/)],
  ['drain', type(/^node\.drain$/)],
  ['machine terminated', type(/^instance\.delete$/)],
  ['its node, routes, certificates', both(type(/\.delete$/), not(type(/^instance\./)))],
];

/** An event history may have 51,200 events; the issue's own limit is far below. */
const EVENT_LIMIT = 2_000;

export const SLOWEST_READY: Matches = type(/^service\.(grow|running|healthy)$/);

export const ROLL_STAGES: Stages = [
  ['new ones started, running, healthy', SLOWEST_READY],
  ['announced and known to every router', type(/^service\.announced$/)],
  ['old ones withdrawn, let go by every router', type(/^(service-withdrawal\.create|service\.unrouted)$/)],
  ['drain', type(/^service\.drained$/)],
  ['old ones stopped', type(/^(service-shrink\.create|service\.stopped)$/)],
];

/** Adds an operation's stages, and the size of its history. */
export function addOperation(
  figures: Measurements,
  group: string,
  operation: OperationFigures,
  stages: Stages,
  /** Name of what the whole is a multiple of. */
  baseline?: string,
): void {
  figures.add('whole operation', operation.seconds, {
    ...{ unit: 's', group },
    ...(baseline === undefined ? {} : { baseline }),
  });
  for (const [name, matches] of stages) {
    const seconds = stage(operation, matches);
    if (seconds !== undefined) figures.add(name, seconds, { unit: 's', group });
  }
  figures.add('events of its history', operation.events, { unit: 'events', group, target: EVENT_LIMIT });
  figures.add('size of its history', operation.bytes / 1024, { unit: 'KiB', group });
  figures.add('activities', operation.activities.length, { unit: 'calls', group });
}
