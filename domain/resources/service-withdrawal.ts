import { z } from 'zod';
import { resource } from './resource.ts';

/**
 * Instances that are announced no longer though they run, those that take their places included. Undone by announcing
 * them again, and done only once every router knows them.
 */
export const serviceWithdrawal = resource({
  kind: 'service-withdrawal',
  noun: 'withdrawal of instances',
  plan: z.strictObject({
    service: z.string(),
    generation: z.number().int().min(1),
    first: z.number().int().min(1),
    count: z.number().int().min(1),
    /** Announced instances of other generations without which it may not happen. */
    keep: z.number().int().min(0),
    /** How many of these were announced when it was planned: its undo waits for as many. */
    announced: z.number().int().min(0),
  }),
  /** `id` is the name of the StatefulSet. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  actions: [],
});
