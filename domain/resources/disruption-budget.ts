import { z } from 'zod';
import { resource } from './resource.ts';

/** What evictions must leave of a service, over all its generations. Undone to what it was before. */
export const disruptionBudget = resource({
  kind: 'disruption-budget',
  noun: 'disruption budget',
  plan: z.strictObject({ service: z.string(), minAvailable: z.number().int().min(0) }),
  /** `id` is the uid of the PodDisruptionBudget. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  actions: [],
});
