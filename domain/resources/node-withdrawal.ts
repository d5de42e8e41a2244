import { z } from 'zod';
import { resource } from './resource.ts';

/** Service pods of a node that are announced no more, as far as their disruption budgets allow. */
export const nodeWithdrawal = resource({
  kind: 'node-withdrawal',
  noun: 'withdrawal of the services of a node',
  plan: z.strictObject({
    /** Name of the Node object. */
    node: z.string(),
    instanceId: z.string(),
  }),
  /** `id` is the name of the Node object, `by` the operation that withdrew them. */
  ref: z.object({ id: z.string(), by: z.string() }),
  identity: 'name',
  actions: [],
});
