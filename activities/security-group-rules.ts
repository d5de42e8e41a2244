import { DescribeSecurityGroupsCommand } from '@aws-sdk/client-ec2';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { orAbsent, unlessGone } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import { authorize, revoke, ruleKey, rulesOf, type Rule } from './cloud/security-rules.ts';
import type { Effect } from './effect.ts';

type Plan = PlanOf<'security-group-rules'>;

/** A group has one set of rules, so the group is their natural name. A rule beyond the plan is somebody else's. */
export function securityGroupRulesEffect({
  ec2,
}: Pick<Clients, 'ec2'>): Effect<Plan, RefOf<'security-group-rules'>> {
  const rulesNow = async (groupId: string, signal: AbortSignal): Promise<Rule[]> => {
    const command = new DescribeSecurityGroupsCommand({ GroupIds: [groupId] });
    const group = (await orAbsent(ec2.send(command, { abortSignal: signal })))?.SecurityGroups?.[0];
    return group ? rulesOf(group) : [];
  };
  const authorizeMissing = async (plan: Plan, signal: AbortSignal) => {
    const there = new Set((await rulesNow(plan.groupId, signal)).map(ruleKey));
    const missing = plannedRules(plan).filter((rule) => !there.has(ruleKey(rule)));
    await authorize(ec2, plan.groupId, missing, signal);
    return { id: plan.groupId };
  };
  return {
    async describe(plan, { signal }) {
      const rules = await rulesNow(plan.groupId, signal);
      if (rules.length === 0) return [];
      const planned = new Set(plannedRules(plan).map(ruleKey));
      const unplanned = rules.map(ruleKey).filter((key) => !planned.has(key));
      const mismatch = unplanned.map((key) => `rule "${key}" is not planned`);
      return [{ ref: { id: plan.groupId }, owned: mismatch.length === 0, attempt: 0, mismatch }];
    },

    create: (plan, { signal }) => authorizeMissing(plan, signal),

    /** Incoming and outgoing rules are two calls, so a crash leaves one half. */
    complete: (_ref, plan, { signal }) => authorizeMissing(plan, signal),

    async remove(ref, plan, { signal }) {
      const planned = plan && new Set(plannedRules(plan).map(ruleKey));
      const rules = (await rulesNow(ref.id, signal)).filter((rule) => planned?.has(ruleKey(rule)) ?? true);
      await unlessGone(revoke(ec2, ref.id, rules, signal));
    },

    leftovers: 'with its parent',
  };
}

const plannedRules = (plan: Plan): Rule[] => [
  ...plan.ingress.map((rule) => ({ ...rule, direction: 'ingress' as const })),
  ...plan.egress.map((rule) => ({ ...rule, direction: 'egress' as const })),
];
