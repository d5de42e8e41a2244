import type { V1Node, V1Taint } from '@kubernetes/client-node';
import { NotYet } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { JOINING_TAINT } from '../domain/resources/node-admission.ts';
import { connectKubernetes, type KubernetesAccess } from './cloud/kubernetes.ts';
import { orNoObject } from './cloud/kubernetes-errors.ts';
import { differences, given } from './cloud/tags.ts';
import type { Effect, EffectSettings } from './effect.ts';

type Plan = PlanOf<'node-admission'>;

/**
 * Labels first, then the taint off, in one patch. A node is admitted when the taint is gone; only the node of this
 * very instance is: its provider id ends with the instance's id.
 */
export function nodeAdmissionEffect(
  access: KubernetesAccess,
  { pollMs }: Pick<EffectSettings, 'pollMs'>,
): Effect<Plan, RefOf<'node-admission'>> {
  const read = (name: string, signal: AbortSignal) =>
    orNoObject(connectKubernetes(access, signal).core.readNode({ name }));
  return {
    async describe(plan, { signal }) {
      const node = await read(plan.node, signal);
      const foreign = node && differences({ instance: [instanceOf(node), plan.instanceId] });
      if (!node || (foreign?.length === 0 && !isAdmitted(plan, node))) return [];
      return [{ ref: refOf(node), owned: foreign?.length === 0, attempt: 0, mismatch: foreign ?? [] }];
    },

    async create(plan, { signal }) {
      const node = await read(plan.node, signal);
      if (!node) throw new NotYet(`waiting for node "${plan.node}" to register`, pollMs);
      const because = unreadiness(node);
      if (because !== undefined)
        throw new NotYet(`waiting for node "${plan.node}" to be ready: ${because}`, pollMs);
      await patch(access, node, { labels: plan.labels, taints: othersOf(node) }, signal);
      return refOf(node);
    },

    /** Back to how it registered: it takes no new work. A node that is gone has nothing to take back. */
    async remove(_ref, plan, { signal }) {
      const node = plan && (await read(plan.node, signal));
      if (!plan || !node || instanceOf(node) !== plan.instanceId) return;
      const labels = Object.fromEntries(Object.keys(plan.labels).map((key) => [key, null]));
      const taints = [...othersOf(node), { key: JOINING_TAINT, effect: 'NoSchedule' }];
      await patch(access, node, { labels, taints }, signal);
    },

    leftovers: 'with its parent',
  };
}

const refOf = (node: V1Node) => ({ id: given(node.metadata?.uid, 'uid') });

/** `aws:///eu-west-1a/i-0abc` names the instance. */
export const instanceOf = (node: V1Node): string | undefined => node.spec?.providerID?.split('/').at(-1);

const othersOf = (node: V1Node): V1Taint[] =>
  (node.spec?.taints ?? []).filter(({ key }) => key !== JOINING_TAINT);

/** Why a node is not ready, in the kubelet's words; `undefined` when it is. */
export function unreadiness(node: V1Node): string | undefined {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return undefined;
  return ready ? `${ready.reason ?? 'Unknown'}: ${ready.message ?? ''}` : 'it has not reported yet';
}

const isAdmitted = (plan: Plan, node: V1Node): boolean =>
  !node.spec?.taints?.some(({ key }) => key === JOINING_TAINT) &&
  Object.entries(plan.labels).every(([key, value]) => node.metadata?.labels?.[key] === value);

/** Refused when somebody wrote the node since it was read. */
async function patch(
  access: KubernetesAccess,
  node: V1Node,
  change: { labels: Record<string, string | null>; taints: V1Taint[] },
  signal: AbortSignal,
): Promise<void> {
  await connectKubernetes(access, signal).core.patchNode({
    name: given(node.metadata?.name, 'name'),
    body: {
      metadata: { resourceVersion: node.metadata?.resourceVersion, labels: change.labels },
      spec: { taints: change.taints },
    },
    fieldManager: 'zonewright',
  });
}
