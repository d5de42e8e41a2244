import type { Etcd3 } from 'etcd3';
import type { MemberOf } from '../../domain/resources/etcd-member.ts';
import { connectEtcd, dialMembers, type EtcdAccess } from './etcd.ts';
import { fromEtcdError, listMembers, memberAt, requireProjection, withEtcd } from './etcd-members.ts';

/** Projects the removal of a member; `undefined` when it is gone. @throws {ZonewrightError} `GateFailed` */
export const requireRemovable = (access: EtcdAccess, member: MemberOf, signal: AbortSignal) =>
  requireProjection(
    access,
    `remove etcd member "${member.name}"`,
    (members) => {
      const found = memberAt(members, member);
      return found && { change: 'remove', id: found.id };
    },
    signal,
  );

export interface RemovalHooks {
  readonly admit?: () => Promise<void>;
  readonly afterwards: (client: Etcd3) => Promise<void>;
}

/**
 * Removes a member, voter or learner, if the others can go on without it: projected from the list as it is right
 * now. Succeeds when it is gone already. The others are asked, since the member itself stops in the middle of it.
 *
 * @param hooks what to do right before, which may refuse, and once it is gone, with a client of the others
 * @throws {ZonewrightError} `GateFailed` when quorum would be lost
 */
export async function removeMember(
  access: EtcdAccess,
  member: MemberOf,
  signal: AbortSignal,
  { admit, afterwards }: RemovalHooks,
): Promise<void> {
  const action = `remove etcd member "${member.name}"`;
  const there = await requireRemovable(access, member, signal);
  const id = there && memberAt(await listMembers(access), member)?.id;
  await admit?.();
  if (id !== undefined) await passLeadership(access, action, id);
  const remove = async (client: Etcd3) => {
    try {
      if (id !== undefined) await client.cluster.memberRemove({ ID: id });
    } catch (error) {
      if (!/member not found/.test(String(error))) throw error;
    }
    await afterwards(client);
  };
  await withEtcd(access, action, remove, id);
}

/** A leader that is removed leaves the others without one for a second, and writes of that moment for seven. */
async function passLeadership(access: EtcdAccess, action: string, id: string): Promise<void> {
  const members = await dialMembers(access);
  const leader = members.find((member) => member.id === id && member.leader === id);
  const heir = members.find((member) => member.id !== id && member.leader === id && !member.isLearner);
  if (!leader || !heir) return;
  const client = connectEtcd(access, [leader.endpoint]);
  try {
    await client.maintenance.moveLeader({ targetID: heir.id });
  } catch (error) {
    throw error instanceof Error ? fromEtcdError(action, error) : error;
  } finally {
    client.close();
  }
}
