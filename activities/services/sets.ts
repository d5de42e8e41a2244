import type { V1Pod, V1StatefulSet } from '@kubernetes/client-node';
import { NUMBER_LABEL, SERVICE_LABEL, WITHDRAWN_ANNOTATION } from '../../domain/discovery/values.ts';
import {
  GENERATION_LABEL,
  NAMESPACE,
  OPERATION_ANNOTATION,
  setName,
  VERSION_LABEL,
} from '../../domain/services/objects.ts';
import { connectKubernetes, type KubernetesAccess } from '../cloud/kubernetes.ts';
import { orNoObject } from '../cloud/kubernetes-errors.ts';

/** A generation of a service as the API server has it. */
export interface Set {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly version: string;
  readonly first: number;
  readonly replicas: number;
  /** True for what operations made; anything else of this name is somebody's own. */
  readonly isOurs: boolean;
  readonly annotations: Readonly<Record<string, string>>;
  /** True when pods that it makes are never announced. */
  readonly isWithdrawn: boolean;
  readonly isLeaving: boolean;
}

/** What a set is in, and for which operation: `annotations` on the StatefulSet. */
export const RETURNING = 'zonewright.dev/returning';
export const SHRUNK = 'zonewright.dev/shrunk';
export const UNROUTED = 'zonewright.dev/unrouted';

type Annotations = Readonly<Record<string, string | null>>;

export interface SetChange {
  readonly replicas?: number;
  readonly annotations?: Annotations;
  /** Operation for which new pods are born withdrawn; `null` for none. */
  readonly withdrawn?: string | null;
}

export type Cluster = ReturnType<typeof connectKubernetes>;
export const connectCluster = (access: KubernetesAccess, signal: AbortSignal): Cluster =>
  connectKubernetes(access, signal);

export async function readSet(
  cluster: Cluster,
  service: string,
  generation: number,
): Promise<Set | undefined> {
  const name = setName(service, generation);
  const found = await orNoObject(cluster.apps.readNamespacedStatefulSet({ name, namespace: NAMESPACE }));
  return found && setOf(found);
}

/** Generations of a service, the oldest first. */
export async function listSets(
  cluster: Cluster,
  service?: string,
): Promise<readonly (Set & { readonly service: string })[]> {
  const labelSelector = service === undefined ? SERVICE_LABEL : `${SERVICE_LABEL}=${service}`;
  const { items } = await cluster.apps.listNamespacedStatefulSet({ namespace: NAMESPACE, labelSelector });
  return items
    .map((item) => ({ ...setOf(item), service: item.metadata?.labels?.[SERVICE_LABEL] ?? '' }))
    .toSorted((a, b) => a.first - b.first);
}

function setOf({ metadata, spec }: V1StatefulSet): Set {
  const { labels = {}, annotations = {} } = metadata ?? {};
  return {
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    generation: Number(labels[GENERATION_LABEL] ?? 0),
    version: labels[VERSION_LABEL] ?? '',
    first: spec?.ordinals?.start ?? 0,
    replicas: spec?.replicas ?? 0,
    isOurs: labels['app.kubernetes.io/managed-by'] === 'zonewright',
    annotations,
    isWithdrawn: spec?.template.metadata?.annotations?.[WITHDRAWN_ANNOTATION] !== undefined,
    isLeaving: metadata?.deletionTimestamp !== undefined,
  };
}

export const madeBy = ({ annotations }: Set): string | undefined => annotations[OPERATION_ANNOTATION];

/** One patch, so that a crash leaves no half of it. */
export async function changeSet(
  { apps }: Cluster,
  name: string,
  { replicas, annotations, withdrawn }: SetChange,
): Promise<void> {
  const body = {
    ...(annotations === undefined ? {} : { metadata: { annotations } }),
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      ...(withdrawn === undefined
        ? {}
        : { template: { metadata: { annotations: { [WITHDRAWN_ANNOTATION]: withdrawn } } } }),
    },
  };
  await apps.patchNamespacedStatefulSet({ name, namespace: NAMESPACE, body, fieldManager: 'zonewright' });
}

/** An instance as the API server has it. */
export interface Pod {
  readonly name: string;
  readonly uid: string;
  readonly number: number;
  readonly generation: number;
  readonly node: string;
  readonly ip: string;
  readonly isLeaving: boolean;
  readonly isWithdrawn: boolean;
  /** Its containers run and pass their probe. */
  readonly isUp: boolean;
  /** Why it is not up, in the words of the cluster. */
  readonly because: string;
  /** Reason of a container that waits: `ErrImagePull`, `CrashLoopBackOff` … */
  readonly waitingFor: string;
  readonly restarts: number;
}

/** Instances of a service, or of one of its generations, by their numbers. */
export async function listPods(
  { core }: Cluster,
  service: string,
  generation?: number,
): Promise<readonly Pod[]> {
  const ofGeneration = generation === undefined ? '' : `,${GENERATION_LABEL}=${generation}`;
  const labelSelector = `${SERVICE_LABEL}=${service}${ofGeneration}`;
  const { items } = await core.listNamespacedPod({ namespace: NAMESPACE, labelSelector });
  return items.map(podOf).toSorted((a, b) => a.number - b.number);
}

function podOf({ metadata, spec, status }: V1Pod): Pod {
  const labels = metadata?.labels ?? {};
  const statuses = status?.containerStatuses ?? [];
  const waiting = statuses.map(({ state }) => state?.waiting).find((one) => one !== undefined);
  const failed = status?.conditions?.find((one) => one.type !== 'Ready' && one.status === 'False');
  const reason = waiting ?? failed;
  const isUp =
    status?.conditions?.some((one) => one.type === 'ContainersReady' && one.status === 'True') === true;
  return {
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    number: Number(labels[NUMBER_LABEL] ?? metadata?.name?.split('-').at(-1)),
    generation: Number(labels[GENERATION_LABEL] ?? 0),
    node: spec?.nodeName ?? '',
    ip: status?.podIP ?? '',
    isLeaving: metadata?.deletionTimestamp !== undefined,
    isWithdrawn: metadata?.annotations?.[WITHDRAWN_ANNOTATION] !== undefined,
    isUp,
    because: reason
      ? `${reason.reason ?? 'Unknown'}: ${reason.message ?? ''}`.slice(0, 200)
      : (status?.phase ?? 'Pending'),
    waitingFor: waiting?.reason ?? '',
    restarts: Math.max(0, ...statuses.map(({ restartCount }) => restartCount)),
  };
}

/** Withdraws an instance, or announces it again. One that is gone is nobody's concern any more. */
export async function withdrawPod({ core }: Cluster, { name }: Pod, operation: string | null): Promise<void> {
  const body = { metadata: { annotations: { [WITHDRAWN_ANNOTATION]: operation } } };
  await orNoObject(core.patchNamespacedPod({ name, namespace: NAMESPACE, body, fieldManager: 'zonewright' }));
}
