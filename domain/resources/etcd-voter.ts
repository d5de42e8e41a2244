import { memberSchema } from './etcd-member.ts';
import { resource } from './resource.ts';
import { z } from 'zod';

/**
 * The vote of an etcd member that has caught up. A kind of its own: it is given after the member's machine has
 * started, and must be taken back before that machine goes.
 */
export const etcdVoter = resource({
  kind: 'etcd-voter',
  noun: 'vote of an etcd member',
  plan: memberSchema,
  /** `id` is the member's. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  waitsFor: 'the member to start and to catch up',
  actions: [],
});
