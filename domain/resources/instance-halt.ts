import { z } from 'zod';
import { resource } from './resource.ts';

/** A machine that stands still but is kept, so that it can be started again. */
export const instanceHalt = resource({
  kind: 'instance-halt',
  noun: 'halt of an instance',
  plan: z.strictObject({ instanceId: z.string().regex(/^i-[0-9a-f]+$/, 'the id of an instance') }),
  /** `id` is the instance's id. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  actions: ['ec2:DescribeInstances', 'ec2:StopInstances', 'ec2:StartInstances'],
  readySeconds: 1,
});
