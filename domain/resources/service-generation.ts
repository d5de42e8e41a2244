import { z } from 'zod';
import { resource } from './resource.ts';

/**
 * Instances of one version of a service: a StatefulSet, made without pods and grown in batches. It goes without a lost
 * request: withdrawn first, then unknown to every router, then drained, and only then stopped.
 */
export const serviceGeneration = resource({
  kind: 'service-generation',
  noun: 'generation of a service',
  plan: z.strictObject({
    service: z.string(),
    generation: z.number().int().min(1),
    version: z.string(),
    first: z.number().int().min(1),
    count: z.number().int().min(1),
    /** The StatefulSet without replicas. */
    object: z.json(),
    /** Announced instances of other generations without which it may not be withdrawn. */
    keep: z.number().int().min(0),
    drainSeconds: z.number().int().min(0),
  }),
  /** `id` is the uid of the StatefulSet. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  actions: [],
});
