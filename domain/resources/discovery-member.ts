import { z } from 'zod';
import { resource } from './resource.ts';

/** A machine whose agents are users of the discovery etcd: a worker with its range of pods, or a border without. */
export const discoveryMember = resource({
  kind: 'discovery-member',
  noun: 'member of discovery',
  plan: z.strictObject({
    /** `worker-0` */
    machine: z.string(),
    instanceId: z.string(),
    /** Range of a worker's pods; only addresses in it are projected. */
    podCidr: z.cidrv4().optional(),
    /** A border's router is let in later, by a plan without this: until then it keeps what it has loaded. */
    withheld: z.literal('router').optional(),
  }),
  /** `id` is the machine's key in the discovery etcd. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  waitsFor: 'the zone’s discovery to answer',
  actions: [],
});
