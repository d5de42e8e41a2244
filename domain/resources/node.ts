import { z } from 'zod';
import { resource } from './resource.ts';

/** The Node object of one instance. Its kubelet makes it; an operation waits for it, and deletes it after the machine. */
export const node = resource({
  kind: 'node',
  noun: 'node',
  plan: z.strictObject({
    /** Name of the Node object. */
    node: z.string(),
    instanceId: z.string(),
  }),
  /** `id` is the uid of the Node object. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  waitsFor: 'the machine to boot and to register',
  actions: [],
});
