import { z } from 'zod';
import { resource } from './resource.ts';

/** A node that takes no new pods; who cordoned it is written beside it. */
export const nodeCordon = resource({
  kind: 'node-cordon',
  noun: 'cordon of a node',
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

/** Annotation with the operation that cordoned a node; undone by that operation only. */
export const CORDONED_BY = 'zonewright.dev/cordoned-by';
