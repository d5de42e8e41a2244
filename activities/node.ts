import { NotYet } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { connectKubernetes, type KubernetesAccess } from './cloud/kubernetes.ts';
import { orNoObject } from './cloud/kubernetes-errors.ts';
import { foundNode, instanceOf, readNode, uidOf } from './cloud/nodes.ts';
import type { Effect, EffectSettings } from './effect.ts';

type Plan = PlanOf<'node'>;

/** The kubelet makes it, so making it is waiting for it: for that of this very instance, by its provider id. */
export const nodeEffect = (
  access: KubernetesAccess,
  { pollMs }: Pick<EffectSettings, 'pollMs'>,
): Effect<Plan, RefOf<'node'>> => ({
  async describe(plan, { signal }) {
    const node = await readNode(access, plan.node, signal);
    return node ? [foundNode(node, plan)] : [];
  },

  async create(plan, { signal }) {
    const node = await readNode(access, plan.node, signal);
    if (node && instanceOf(node) === plan.instanceId) return { id: uidOf(node) };
    throw new NotYet(`waiting for node "${plan.node}" to register`, pollMs);
  },

  async remove(ref, plan, { signal }) {
    if (plan === undefined) return;
    const { core } = connectKubernetes(access, signal);
    await orNoObject(core.deleteNode({ name: plan.node, body: { preconditions: { uid: ref.id } } }));
  },

  leftovers: 'with its parent',
});
