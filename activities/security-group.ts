import {
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  type Filter,
} from '@aws-sdk/client-ec2';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { deleteNamingBlockers } from './cloud/blockers.ts';
import { orAbsent, unlessGone } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import { DEFAULT_EGRESS, revoke, rulesOf } from './cloud/security-rules.ts';
import {
  foundByTags,
  given,
  ownerFilters,
  scopeFilters,
  tagAtCreation,
  leftoverOf,
  tagsOf,
} from './cloud/tags.ts';
import type { Effect } from './effect.ts';

/** Its name is unique in its VPC, so a group of that name that bears other tags is found, too. */
export function securityGroupEffect({
  ec2,
}: Pick<Clients, 'ec2'>): Effect<PlanOf<'security-group'>, RefOf<'security-group'>> {
  const list = async (request: { Filters?: Filter[]; GroupIds?: string[] }, signal: AbortSignal) => {
    const command = new DescribeSecurityGroupsCommand(request);
    return (await orAbsent(ec2.send(command, { abortSignal: signal })))?.SecurityGroups ?? [];
  };
  return {
    async describe(plan, { owner, signal }) {
      const byName = [
        { Name: 'vpc-id', Values: [plan.vpcId] },
        { Name: 'group-name', Values: [plan.groupName] },
      ];
      const both = await Promise.all(
        [ownerFilters(owner), byName].map((Filters) => list({ Filters }, signal)),
      );
      const groups = new Map(both.flat().map((group) => [given(group.GroupId, 'GroupId'), group]));
      return [...groups].map(([id, group]) =>
        foundByTags(
          owner,
          group.Tags,
          { id },
          {
            VPC: [group.VpcId, plan.vpcId],
            name: [group.GroupName, plan.groupName],
            description: [group.Description, plan.description],
          },
        ),
      );
    },

    async create(plan, { tags, signal }) {
      const command = new CreateSecurityGroupCommand({
        VpcId: plan.vpcId,
        GroupName: plan.groupName,
        Description: plan.description,
        TagSpecifications: tagAtCreation(tags, 'security-group'),
      });
      const { GroupId } = await ec2.send(command, { abortSignal: signal });
      return { id: given(GroupId, 'GroupId') };
    },

    /** EC2 lets a new group send everything everywhere; what a group may is said by its rules alone. */
    async complete(ref, _plan, { signal }) {
      const [group] = await list({ GroupIds: [ref.id] }, signal);
      // Not seen yet: revoked all the same, or the rule would stay.
      const isDefault = group === undefined || rulesOf(group).some(isDefaultEgress);
      if (isDefault) await unlessGone(revoke(ec2, ref.id, [DEFAULT_EGRESS], signal));
      return ref;
    },

    /** Its rules go first: two groups that name each other could not be deleted in any order. */
    async remove(ref, _plan, { signal }) {
      const [group] = await list({ GroupIds: [ref.id] }, signal);
      if (group) await unlessGone(revoke(ec2, ref.id, rulesOf(group), signal));
      await deleteNamingBlockers(ec2, { name: 'group-id', id: ref.id }, signal, () =>
        unlessGone(ec2.send(new DeleteSecurityGroupCommand({ GroupId: ref.id }), { abortSignal: signal })),
      );
    },

    async leftovers(scope, { signal }) {
      const groups = await list({ Filters: scopeFilters(scope) }, signal);
      return groups.map(({ GroupId, Tags }) => leftoverOf({ id: given(GroupId, 'GroupId') }, tagsOf(Tags)));
    },
  };
}

/** Rules of ours are described; the one that EC2 makes is not. */
const isDefaultEgress = (rule: ReturnType<typeof rulesOf>[number]): boolean =>
  rule.direction === 'egress' &&
  rule.protocol === DEFAULT_EGRESS.protocol &&
  rule.description === undefined &&
  'cidr' in rule.peer &&
  rule.peer.cidr === '0.0.0.0/0';
