import { NotYet, ZonewrightError } from '../domain/errors.ts';
import { projectChange } from '../domain/etcd/quorum.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import type { EtcdOf } from './cloud/etcd.ts';
import { examineMembers, memberAt, withEtcd } from './cloud/etcd-members.ts';
import type { Effect, EffectSettings } from './effect.ts';
import { describeMember, forgetMember } from './etcd-member.ts';

type Plan = PlanOf<'etcd-voter'>;

/** Promotes a learner once it has caught up; etcd itself refuses before. Taking the vote back takes the member out. */
export const etcdVoterEffect = (
  etcdOf: EtcdOf,
  { pollMs }: Pick<EffectSettings, 'pollMs'>,
): Effect<Plan, RefOf<'etcd-voter'>> => ({
  async describe(plan, { owner }) {
    const found = await describeMember(etcdOf(plan.cluster), plan, owner);
    return found.filter(({ isLearner }) => !isLearner);
  },

  async create(plan) {
    const access = etcdOf(plan.cluster);
    const members = await examineMembers(access);
    const member = memberAt(members, plan);
    if (!member)
      throw new ZonewrightError(
        'GateFailed',
        `Cannot promote etcd member "${plan.name}": there is none at ${plan.peerUrl}`,
      );
    const { allowed, reasons } = projectChange(members, { change: 'promote', id: member.id });
    if (!allowed)
      throw new NotYet(`waiting to promote etcd member "${plan.name}": ${reasons.join('; ')}`, pollMs);
    await withEtcd(access, `promote etcd member "${plan.name}"`, (client) =>
      client.cluster.memberPromote({ ID: member.id }),
    );
    return { id: member.id };
  },

  async remove(_ref, plan, { signal }) {
    if (plan) await forgetMember(etcdOf(plan.cluster), plan, signal);
  },

  leftovers: 'with its parent',
});
