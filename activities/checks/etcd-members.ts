import { Context } from '@temporalio/activity';
import type { EtcdCluster } from '../../domain/etcd/clusters.ts';
import type { Fence } from '../../domain/keeper/fence.ts';
import type { Projection } from '../../domain/etcd/quorum.ts';
import type { MemberOf } from '../../domain/resources/etcd-member.ts';
import type { EtcdOf } from '../cloud/etcd.ts';
import { examineMembers, requireProjection } from '../cloud/etcd-members.ts';
import { requireRemovable } from '../cloud/etcd-removal.ts';
import { checkFence, type ReadFence } from '../cloud/fences.ts';
import { forgetMember } from '../etcd-member.ts';
import { asActivity } from '../failures.ts';

const signalOf = () => Context.current().cancellationSignal;

export type MemberRemoval = MemberOf & { readonly fence?: Fence | undefined };

/** @param readFence where fences are read; without it a removal that carries one is refused */
export const etcdMemberChecks = (of: EtcdOf, readFence?: ReadFence) => ({
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
  'etcd.remove': asActivity('remove an etcd member', ({ fence, ...member }: MemberRemoval) =>
    forgetMember(of(member.cluster), member, signalOf(), () =>
      checkFence(readFence, fence, `remove etcd member "${member.name}"`, signalOf()),
    ),
  ),
});
