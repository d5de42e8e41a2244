import type { V1Node, V1Taint } from '@kubernetes/client-node';
import { NotYet } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { JOINING_TAINT } from '../domain/resources/node-admission.ts';
import type { KubernetesAccess } from './cloud/kubernetes.ts';
import { foundNode, instanceOf, patchNode, readNode, uidOf, unreadiness } from './cloud/nodes.ts';
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
  return {
    async describe(plan, { signal }) {
      const node = await readNode(access, plan.node, signal);
      const found = node && foundNode(node, plan);
      if (!found || (found.owned && !isAdmitted(plan, node))) return [];
      return [found];
    },

    async create(plan, { signal }) {
      const node = await readNode(access, plan.node, signal);
      if (!node) throw new NotYet(`waiting for node "${plan.node}" to register`, pollMs);
      const because = unreadiness(node);
      if (because !== undefined)
        throw new NotYet(`waiting for node "${plan.node}" to be ready: ${because}`, pollMs);
      await patchNode(access, node, { labels: plan.labels, taints: othersOf(node) }, signal);
      return { id: uidOf(node) };
    },

    /** Back to how it registered: it takes no new work. A node that is gone has nothing to take back. */
    async remove(_ref, plan, { signal }) {
      const node = plan && (await readNode(access, plan.node, signal));
      if (!plan || !node || instanceOf(node) !== plan.instanceId) return;
      const labels = Object.fromEntries(Object.keys(plan.labels).map((key) => [key, null]));
      const taints = [...othersOf(node), { key: JOINING_TAINT, effect: 'NoSchedule' }];
      await patchNode(access, node, { labels, taints }, signal);
    },

    leftovers: 'with its parent',
  };
}

const othersOf = (node: V1Node): V1Taint[] =>
  (node.spec?.taints ?? []).filter(({ key }) => key !== JOINING_TAINT);

const isAdmitted = (plan: Plan, node: V1Node): boolean =>
  !node.spec?.taints?.some(({ key }) => key === JOINING_TAINT) &&
  Object.entries(plan.labels).every(([key, value]) => node.metadata?.labels?.[key] === value);
