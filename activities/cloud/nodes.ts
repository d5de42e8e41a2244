import type { V1Node, V1Pod, V1PodDisruptionBudget, V1Taint } from '@kubernetes/client-node';
import { SERVICE_LABEL, WITHDRAWN_ANNOTATION } from '../../domain/discovery/values.ts';
import type { BudgetView, LabelSelector, PodView } from '../../domain/zone/drain.ts';
import { connectKubernetes, type KubernetesAccess } from './kubernetes.ts';
import { orNoObject } from './kubernetes-errors.ts';
import { differences, given } from './tags.ts';
import type { Found } from '../effect.ts';

/** What names the node of one instance in a plan. */
export interface NodePlan {
  readonly node: string;
  readonly instanceId: string;
}

/** `aws:///eu-west-1a/i-0abc` names the instance. */
export const instanceOf = (node: V1Node): string | undefined => node.spec?.providerID?.split('/').at(-1);

export const readNode = (
  access: KubernetesAccess,
  name: string,
  signal: AbortSignal,
): Promise<V1Node | undefined> => orNoObject(connectKubernetes(access, signal).core.readNode({ name }));

/** The node of exactly this instance; another that bears its name is none. */
export async function readNodeOf(
  access: KubernetesAccess,
  { node: name, instanceId }: NodePlan,
  signal: AbortSignal,
): Promise<V1Node | undefined> {
  const node = await readNode(access, name, signal);
  return node && instanceOf(node) === instanceId ? node : undefined;
}

export const uidOf = (node: V1Node): string => given(node.metadata?.uid, 'uid');

/** A node as `describe` answers it; one of another instance is foreign. */
export function foundNode(node: V1Node, { instanceId }: NodePlan): Found<{ id: string }> {
  const mismatch = differences({ instance: [instanceOf(node), instanceId] });
  return { ref: { id: uidOf(node) }, owned: mismatch.length === 0, attempt: 0, mismatch };
}

/** Why a node is not ready, in the kubelet's words; `undefined` when it is. */
export function unreadiness(node: V1Node): string | undefined {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return undefined;
  return ready ? `${ready.reason ?? 'Unknown'}: ${ready.message ?? ''}` : 'it has not reported yet';
}

export interface NodeChange {
  readonly annotations?: Readonly<Record<string, string | null>>;
  readonly labels?: Readonly<Record<string, string | null>>;
  readonly taints?: readonly V1Taint[];
  readonly unschedulable?: boolean | null;
}

/** Refused when somebody wrote the node since it was read. */
export async function patchNode(
  access: KubernetesAccess,
  node: V1Node,
  { annotations, labels, ...spec }: NodeChange,
  signal: AbortSignal,
): Promise<void> {
  await connectKubernetes(access, signal).core.patchNode({
    name: given(node.metadata?.name, 'name'),
    body: {
      metadata: {
        resourceVersion: node.metadata?.resourceVersion,
        ...(annotations === undefined ? {} : { annotations }),
        ...(labels === undefined ? {} : { labels }),
      },
      ...(Object.keys(spec).length === 0 ? {} : { spec }),
    },
    fieldManager: 'zonewright',
  });
}

/** All pods that are bound to a node. */
export async function podsOn(
  access: KubernetesAccess,
  node: string,
  signal: AbortSignal,
): Promise<readonly V1Pod[]> {
  const { core } = connectKubernetes(access, signal);
  const { items } = await core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${node}` });
  return items;
}

export async function budgetsOfZone(
  access: KubernetesAccess,
  signal: AbortSignal,
): Promise<readonly BudgetView[]> {
  const { items } = await connectKubernetes(access, signal).policy.listPodDisruptionBudgetForAllNamespaces();
  return items.map(budgetView);
}

function budgetView({ metadata, spec, status }: V1PodDisruptionBudget): BudgetView {
  return {
    budget: `${metadata?.namespace}/${metadata?.name}`,
    selector: (spec?.selector ?? {}) as LabelSelector,
    allowed: status?.disruptionsAllowed ?? 0,
    healthy: status?.currentHealthy ?? 0,
    desired: status?.desiredHealthy ?? 0,
  };
}

export function podView({ metadata, status }: V1Pod): PodView {
  const controller = metadata?.ownerReferences?.find((owner) => owner.controller === true)?.kind;
  const annotations = metadata?.annotations ?? {};
  const withdrawnAt = annotations[WITHDRAWN_ANNOTATION]?.split('@').at(-1);
  return {
    pod: `${metadata?.namespace}/${metadata?.name}`,
    uid: metadata?.uid ?? '',
    labels: metadata?.labels ?? {},
    ...(controller === undefined ? {} : { controller }),
    mirror: annotations['kubernetes.io/config.mirror'] !== undefined,
    ended: ['Succeeded', 'Failed'].includes(status?.phase ?? ''),
    leaving: metadata?.deletionTimestamp !== undefined,
    ...(withdrawnAt === undefined ? {} : { withdrawnAt }),
  };
}

export const isOfService = ({ metadata }: V1Pod): boolean => metadata?.labels?.[SERVICE_LABEL] !== undefined;

export const withdrawnBy = ({ metadata }: V1Pod): string | undefined =>
  metadata?.annotations?.[WITHDRAWN_ANNOTATION]?.replace(/@[^@]*$/, '');

/** Announces a pod no more, or again: `by` is the operation, absent to take it back. Written as `<operation>@<time>`. */
export async function withdrawPod(
  access: KubernetesAccess,
  { metadata }: V1Pod,
  by: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const value = by === undefined ? null : `${by}@${new Date().toISOString()}`;
  await orNoObject(
    connectKubernetes(access, signal).core.patchNamespacedPod({
      name: given(metadata?.name, 'name'),
      namespace: given(metadata?.namespace, 'namespace'),
      body: { metadata: { uid: metadata?.uid, annotations: { [WITHDRAWN_ANNOTATION]: value } } },
      fieldManager: 'zonewright',
    }),
  );
}
