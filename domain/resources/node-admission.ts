import { z } from 'zod';
import { resource } from './resource.ts';

/** A joined node that may take work: its labels are set and the joining taint is gone. */
export const nodeAdmission = resource({
  kind: 'node-admission',
  noun: 'admission of a node',
  plan: z.strictObject({
    /** Name of the Node object. */
    node: z.string(),
    instanceId: z.string(),
    labels: z.record(z.string(), z.string()),
  }),
  /** `id` is the uid of the Node object. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  waitsFor: 'the node to join and to be ready',
  actions: [],
});

/** Taint that a kubelet registers with; removed last. */
export const JOINING_TAINT = 'zonewright.dev/joining';
