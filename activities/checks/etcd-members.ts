import { Context } from '@temporalio/activity';
import type { EtcdCluster } from '../../domain/etcd/clusters.ts';
import type { Projection } from '../../domain/etcd/quorum.ts';
import type { MemberOf } from '../../domain/resources/etcd-member.ts';
import type { EtcdOf } from '../cloud/etcd.ts';
import { examineMembers, requireProjection } from '../cloud/etcd-members.ts';
import { requireRemovable } from '../cloud/etcd-removal.ts';
import { forgetMember } from '../etcd-member.ts';
import { asActivity } from '../failures.ts';

const signalOf = () => Context.current().cancellationSignal;

export const etcdMemberChecks = (of: EtcdOf) => ({
  /** The real member list, each member dialled. */
  'etcd.members': asActivity('look at etcd members', ({ cluster }: { readonly cluster: EtcdCluster }) =>
    examineMembers(of(cluster)),
  ),

  /** The gate of a director that joins: everybody healthy, nobody half way. */
  'etcd.admits': asActivity(
    'look whether etcd takes a member',
    async ({ cluster, name, peerUrl }: MemberOf): Promise<Projection> => {
      const projected = await requireProjection(
        of(cluster),
        `add etcd member "${name}"`,
        () => ({ change: 'add-learner', name, peerUrl }),
        signalOf(),
      );
      return projected as Projection;
    },
  ),

  /** The gate of a director that leaves; `undefined` when it is no member any more. */
  'etcd.releases': asActivity('look whether etcd can miss a member', (member: MemberOf) =>
    requireRemovable(of(member.cluster), member, signalOf()),
  ),

  /** Removes a member, however it came in; projected once more right before. Succeeds when it is gone. */
  'etcd.remove': asActivity('remove an etcd member', (member: MemberOf) =>
    forgetMember(of(member.cluster), member, signalOf()),
  ),
});
