import { NotYet } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { CORDONED_BY } from '../domain/resources/node-cordon.ts';
import type { KubernetesAccess } from './cloud/kubernetes.ts';
import { patchNode, readNodeOf, uidOf } from './cloud/nodes.ts';
import type { Effect, EffectSettings } from './effect.ts';

type Plan = PlanOf<'node-cordon'>;

/** Written instead of the operation alone where somebody had cordoned the node before: it stays cordoned after an undo. */
const BEFORE = ' (it was cordoned before)';

/** Who cordoned a node is written beside it in the same patch, so that only its own operation uncordons it. */
export const nodeCordonEffect = (
  access: KubernetesAccess,
  { pollMs }: Pick<EffectSettings, 'pollMs'>,
): Effect<Plan, RefOf<'node-cordon'>> => ({
  async describe(plan, { owner, signal }) {
    const node = await readNodeOf(access, plan, signal);
    const by = node?.metadata?.annotations?.[CORDONED_BY];
    if (!node || by?.replace(BEFORE, '') !== owner.operation) return [];
    return [{ ref: { id: uidOf(node) }, owned: true, attempt: 0, mismatch: [] }];
  },

  async create(plan, { owner, signal }) {
    const node = await readNodeOf(access, plan, signal);
    if (!node) throw new NotYet(`waiting for node "${plan.node}" of instance "${plan.instanceId}"`, pollMs);
    // What an operation that was killed has left is no wish of a person.
    const left = node.metadata?.annotations?.[CORDONED_BY];
    const before = node.spec?.unschedulable === true && (left === undefined || left.endsWith(BEFORE));
    const annotations = { [CORDONED_BY]: `${owner.operation}${before ? BEFORE : ''}` };
    await patchNode(access, node, { annotations, unschedulable: true }, signal);
    return { id: uidOf(node) };
  },

  async remove(ref, plan, { signal }) {
    const node = plan && (await readNodeOf(access, plan, signal));
    if (!node || uidOf(node) !== ref.id) return;
    const before = node.metadata?.annotations?.[CORDONED_BY]?.endsWith(BEFORE) ?? false;
    await patchNode(
      access,
      node,
      { annotations: { [CORDONED_BY]: null }, ...(before ? {} : { unschedulable: null }) },
      signal,
    );
  },

  leftovers: 'with its parent',
});
