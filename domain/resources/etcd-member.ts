import { z } from 'zod';
import { ETCD_CLUSTERS } from '../etcd/clusters.ts';
import { resource } from './resource.ts';

/** What names a member: its name is a director's, its peer URL that of the director's slot. */
export const memberSchema = z.strictObject({
  cluster: z.enum(ETCD_CLUSTERS),
  name: z.string().min(1),
  peerUrl: z.url(),
});
export type MemberOf = z.output<typeof memberSchema>;

/** A place in an etcd cluster, taken as a learner before its machine starts. */
export const etcdMember = resource({
  kind: 'etcd-member',
  noun: 'etcd member',
  plan: memberSchema.extend({
    /**
     * Peer URLs by name of the members that the new one's configuration counts on: it would not start in any other
     * company.
     */
    others: z.record(z.string(), z.string()),
  }),
  /** `id` is etcd's own, in decimal. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  actions: [],
});
