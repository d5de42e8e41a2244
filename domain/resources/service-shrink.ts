import { z } from 'zod';
import { resource } from './resource.ts';

/** Withdrawn instances of a generation that are stopped, from the highest number down. Undone by starting them anew. */
export const serviceShrink = resource({
  kind: 'service-shrink',
  noun: 'stop of instances',
  plan: z.strictObject({
    service: z.string(),
    generation: z.number().int().min(1),
    first: z.number().int().min(1),
    count: z.number().int().min(1),
    /** How many of them ran when it was planned: its undo waits for as many. */
    up: z.number().int().min(0),
  }),
  /** `id` is the name of the StatefulSet. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  actions: [],
});
