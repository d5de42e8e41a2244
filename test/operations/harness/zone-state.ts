/** What is inside a zone, in words that do not differ between two runs: what AWS cannot see of an operation's end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { withAws } from '../../../clients/aws.ts';
import { listObjects, readDocument } from '../../../clients/zone-store.ts';
import { readManifest } from '../../../clients/zones/manifests.ts';
import { servicesRecordKey, servicesRecordSchema } from '../../../domain/services/record.ts';
import { inside, kubectl, machinesOf, type Machine } from '../../system/machines.ts';
import { withoutDrawn, type EndState } from './end-state.ts';
import { discoveryKeys, ETCDCTL } from './discovery-keys.ts';
import type { Laboratory } from './laboratory.ts';

type Fields = Readonly<Record<string, unknown>>;

interface KubernetesObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Fields;
    readonly annotations?: Fields;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: Fields;
  readonly status?: Fields & {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** What counts of a kind of object; the rest is drawn anew, or follows from this. */
const COUNTS: Readonly<Record<string, (object: KubernetesObject) => Fields>> = {
  Node: ({ spec = {}, ...node }) => ({
    ready: condition(node, 'Ready'),
    cordoned: spec['unschedulable'] ?? false,
    taints: spec['taints'] ?? [],
    podCidr: spec['podCIDR'],
  }),
  Pod: (pod) => ({ ready: condition(pod, 'Ready'), serving: condition(pod, 'zonewright.dev/serving') }),
  StatefulSet: ({ spec = {}, status = {} }) => ({
    ordinals: spec['ordinals'],
    replicas: spec['replicas'],
    ready: status['readyReplicas'] ?? 0,
  }),
  PodDisruptionBudget: ({ spec = {} }) => ({ minAvailable: spec['minAvailable'] }),
  Service: ({ spec = {} }) => ({ ports: spec['ports'] }),
};

/**
 * One line for each thing that operations change in a zone: nodes, objects of services, members of etcd, keys of the
 * discovery etcd, parts of the manifest, documents of the store.
 *
 * @param own names that differ from run to run
 */
export async function zoneState(
  lab: Laboratory,
  zone: string,
  own: readonly string[] = [],
): Promise<EndState> {
  const machines = await machinesOf(zone);
  const anyOf = (role: string): Machine => {
    const [, machine] = [...machines].find(([name]) => name.startsWith(`${role}-`)) ?? [];
    if (machine === undefined) throw new Error(`Cannot look into zone "${zone}": no ${role} runs`);
    return machine;
  };
  const border = anyOf('border');
  const lines = await Promise.all([
    objects(border),
    members(anyOf('director')),
    discoveryKeys(border),
    parts(lab, zone),
    keys(lab, zone),
  ]);
  return lines
    .flat()
    .map((line) => withoutDrawn(line, own))
    .toSorted();
}

/** Kubernetes has said by then what it makes of pods that serve. */
const SETTLED_MS = 30_000;

async function objects(border: Machine): Promise<string[]> {
  const kinds = Object.keys(COUNTS).join(',').toLowerCase();
  const read = async (): Promise<readonly KubernetesObject[]> =>
    (JSON.parse(await kubectl(border, 'get', kinds, '-o', 'json')) as { items: KubernetesObject[] }).items;
  let items = await read();
  for (const end = Date.now() + SETTLED_MS; !isSettled(items) && Date.now() < end; items = await read())
    await sleep(200);
  return items.map((object) => {
    const { kind, metadata } = object;
    const { name, labels = {}, annotations = {}, deletionTimestamp } = metadata;
    const ours = Object.keys(annotations).filter((key) => key.includes('zonewright.dev/'));
    return JSON.stringify({
      ...{ kind, name: name.replace(/^i-[0-9a-f]+/, '<instance>'), labels: sorted(labels) },
      ...(ours.length === 0 ? {} : { annotations: ours.toSorted() }),
      ...(deletionTimestamp === undefined ? {} : { leaving: true }),
      ...COUNTS[kind]?.(object),
    });
  });
}

/** An operation has what it needs once pods are up and serve; that they are ready, and how many, is said a moment later. */
function isSettled(items: readonly KubernetesObject[]): boolean {
  const pods = items.filter(({ kind }) => kind === 'Pod');
  const isReady = (pod: KubernetesObject) => condition(pod, 'Ready') === 'True';
  const serves = (pod: KubernetesObject) =>
    condition(pod, 'ContainersReady') === 'True' && condition(pod, 'zonewright.dev/serving') === 'True';
  const counted = ({ metadata: { name }, status }: KubernetesObject) =>
    pods.filter((pod) => pod.metadata.name.startsWith(`${name}-`) && isReady(pod)).length ===
    (status?.['readyReplicas'] ?? 0);
  return (
    pods.filter(serves).every(isReady) && items.filter(({ kind }) => kind === 'StatefulSet').every(counted)
  );
}

const condition = ({ status }: Pick<KubernetesObject, 'status'>, wanted: string): string | undefined =>
  status?.conditions?.find(({ type }) => type === wanted)?.status;

const sorted = (fields: Fields): Fields =>
  Object.fromEntries(
    Object.entries(fields)
      // The hash of a pod's template holds what it was made from.
      .filter(([key]) => !key.endsWith('-hash'))
      .toSorted(([a], [b]) => a.localeCompare(b)),
  );

async function members(director: Machine): Promise<string[]> {
  const pki = '/etc/etcd/pki';
  const access = [`--cacert=${pki}/ca.crt`, `--cert=${pki}/server.crt`, `--key=${pki}/server.key`];
  const answer = await inside(director, ...ETCDCTL, ...access, 'member', 'list');
  const { members: list } = JSON.parse(answer) as { members: { name?: string; isLearner?: boolean }[] };
  return list.map(
    ({ name = 'not started', isLearner = false }) => `etcd member ${name}${isLearner ? ', a learner' : ''}`,
  );
}

async function parts({ context }: Laboratory, zone: string): Promise<string[]> {
  const manifest = await withAws(context, (aws) => readManifest(aws, context.store.bucket, zone));
  return [
    `manifest: ${manifest?.state}`,
    ...(manifest?.made ?? []).map(({ step, kind }) => `manifest: ${kind} ${step}`),
    ...Object.entries(manifest?.needs ?? {}).map(
      ([step, needs]) => `manifest: ${step} needs ${needs.join(', ')}`,
    ),
  ];
}

/** Which activity's attempt streamed a snapshot. */
const ATTEMPT = /\/\d+-\d+\/(?=snapshot)/;

/** Documents of the zone; the record of its services by what it names, since an empty one stays. */
const keys = ({ context }: Laboratory, zone: string): Promise<string[]> =>
  withAws(context, async (aws) => {
    const { bucket } = context.store;
    const record = { bucket, key: servicesRecordKey(zone) };
    const objects = await listObjects(aws, bucket, `zones/${zone}/`);
    const recorded = await readDocument(aws, record, servicesRecordSchema, 'record');
    return [
      ...objects
        .filter(({ key }) => key !== record.key)
        .map(({ key }) => `store: ${key.replace(ATTEMPT, '/<attempt>/')}`),
      ...Object.keys(recorded?.services ?? {}).map((service) => `recorded: ${service}`),
    ];
  });
