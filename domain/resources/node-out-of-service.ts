import { z } from 'zod';
import { resource } from './resource.ts';

/** A node whose machine is off: the taint lets its pods be deleted without it. */
export const nodeOutOfService = resource({
  kind: 'node-out-of-service',
  noun: 'out-of-service taint of a node',
  plan: z.strictObject({
    /** Name of the Node object. */
    node: z.string(),
    instanceId: z.string(),
  }),
  /** `id` is the uid of the Node object. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  actions: [],
});

/** https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown */
export const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';
