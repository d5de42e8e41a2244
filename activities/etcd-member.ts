import { z } from 'zod';
import { ZonewrightError } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import type { MemberOf } from '../domain/resources/etcd-member.ts';
import type { Owner } from '../domain/resources/resource.ts';
import type { EtcdAccess, EtcdOf } from './cloud/etcd.ts';
import { listMembers, memberAt, requireProjection, withEtcd } from './cloud/etcd-members.ts';
import { removeMember } from './cloud/etcd-removal.ts';
import { differences } from './cloud/tags.ts';
import type { Effect, Found } from './effect.ts';

type Plan = PlanOf<'etcd-member'>;
type Ref = RefOf<'etcd-member'>;

/** etcd keeps no tags: beside each member that an operation took in lies who did. */
const ownerKey = (name: string): string => `/zonewright/members/${name}`;
const ownerSchema = z.object({ operation: z.string() });

/** A learner is a place that its machine, started afterwards, takes: nothing of the old members waits for it. */
export const etcdMemberEffect = (etcdOf: EtcdOf): Effect<Plan, Ref> => ({
  describe: (plan, { owner }) => describeMember(etcdOf(plan.cluster), plan, owner),

  async create(plan, { owner, signal }) {
    const access = etcdOf(plan.cluster);
    const action = `add etcd member "${plan.name}"`;
    await requireProjection(
      access,
      action,
      (members) => {
        const others = Object.fromEntries(members.map(({ name, peerUrls }) => [name, peerUrls[0] ?? '']));
        const started = Object.fromEntries(Object.entries(others).filter(([name]) => name !== ''));
        requireCompany(action, started, plan.others);
        return { change: 'add-learner', name: plan.name, peerUrl: plan.peerUrl };
      },
      signal,
    );
    return withEtcd(access, action, async (client) => {
      await client.put(ownerKey(plan.name)).value(JSON.stringify({ operation: owner.operation }));
      const { member } = await client.cluster.memberAdd({ peerURLs: [plan.peerUrl], isLearner: true });
      return { id: member.ID };
    });
  },

  async remove(_ref, plan, { signal }) {
    if (plan) await forgetMember(etcdOf(plan.cluster), plan, signal);
  },

  leftovers: 'with its parent',
});

function requireCompany(
  action: string,
  real: Readonly<Record<string, string>>,
  planned: Readonly<Record<string, string>>,
): void {
  const texts = [real, planned].map((members) =>
    Object.entries(members)
      .map(([name, url]) => `${name} (${url})`)
      .toSorted()
      .join(', '),
  );
  if (texts[0] === texts[1]) return;
  throw new ZonewrightError(
    'GateFailed',
    `Cannot ${action}: it is planned beside ${texts[1] || 'nobody'}; the members are ${texts[0] || 'nobody'}`,
  );
}

/** The member at the planned address, with whose it is. */
export async function describeMember(
  access: EtcdAccess,
  member: MemberOf,
  { operation }: Owner,
): Promise<(Found<Ref> & { readonly isLearner: boolean; readonly started: boolean })[]> {
  const found = memberAt(await listMembers(access), member);
  if (!found) return [];
  const { id, name, started, isLearner } = found;
  const text = await withEtcd(access, 'read who made a member', (client) =>
    client.get(ownerKey(member.name)).string(),
  );
  const owned = text !== null && ownerSchema.parse(JSON.parse(text)).operation === operation;
  const mismatch = started ? differences({ name: [name, member.name] }) : [];
  return [{ ref: { id }, owned, attempt: 0, mismatch, isLearner, started }];
}

/** Removes a member and forgets who made it. @throws {ZonewrightError} `GateFailed` when quorum would be lost */
export const forgetMember = (
  access: EtcdAccess,
  member: MemberOf,
  signal: AbortSignal,
  admit: () => Promise<void> = async () => undefined,
): Promise<void> =>
  removeMember(access, member, signal, {
    admit,
    afterwards: async (client) => {
      await client.delete().key(ownerKey(member.name));
    },
  });
