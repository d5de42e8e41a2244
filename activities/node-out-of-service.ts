import { NotYet } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { OUT_OF_SERVICE } from '../domain/resources/node-out-of-service.ts';
import type { KubernetesAccess } from './cloud/kubernetes.ts';
import { patchNode, readNodeOf, uidOf } from './cloud/nodes.ts';
import type { Effect, EffectSettings } from './effect.ts';

type Plan = PlanOf<'node-out-of-service'>;

/** Says that a machine is off: only then may numbered pods and their volumes be taken away from it. */
export const nodeOutOfServiceEffect = (
  access: KubernetesAccess,
  { pollMs }: Pick<EffectSettings, 'pollMs'>,
): Effect<Plan, RefOf<'node-out-of-service'>> => ({
  async describe(plan, { signal }) {
    const node = await readNodeOf(access, plan, signal);
    if (!node?.spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE)) return [];
    return [{ ref: { id: uidOf(node) }, owned: true, attempt: 0, mismatch: [] }];
  },

  async create(plan, { signal }) {
    const node = await readNodeOf(access, plan, signal);
    if (!node) throw new NotYet(`waiting for node "${plan.node}" of instance "${plan.instanceId}"`, pollMs);
    const taint = { key: OUT_OF_SERVICE, value: 'nodeshutdown', effect: 'NoExecute' };
    await patchNode(access, node, { taints: [...(node.spec?.taints ?? []), taint] }, signal);
    return { id: uidOf(node) };
  },

  async remove(ref, plan, { signal }) {
    const node = plan && (await readNodeOf(access, plan, signal));
    if (!node || uidOf(node) !== ref.id) return;
    const taints = (node.spec?.taints ?? []).filter(({ key }) => key !== OUT_OF_SERVICE);
    await patchNode(access, node, { taints }, signal);
  },

  leftovers: 'with its parent',
});
