import { z } from 'zod';
import { definitionSchema } from '../discovery/values.ts';
import { resource } from './resource.ts';

/** How a service is reached: `/definitions/<service>` in the discovery etcd. Undone to what it was before. */
export const serviceDefinition = resource({
  kind: 'service-definition',
  noun: 'definition of a service',
  plan: z.strictObject({
    service: z.string(),
    definition: definitionSchema,
    before: definitionSchema.optional(),
  }),
  /** `id` is the key. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  actions: [],
});
