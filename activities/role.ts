import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  ListRolesCommand,
  ListRoleTagsCommand,
  PutRolePolicyCommand,
  type Role,
} from '@aws-sdk/client-iam';
import { isDeepStrictEqual } from 'node:util';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { orAbsent, unlessGone } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import { allPages } from './cloud/pages.ts';
import { foundByTags, given, inScope, leftoverOf, tagList, tagsOf } from './cloud/tags.ts';
import type { Effect } from './effect.ts';

type Plan = PlanOf<'role'>;

/** Path of the roles and profiles that zonewright makes: sweeps list it, policies can name it. */
export const IAM_PATH = '/zonewright/';
const POLICY_NAME = 'zonewright';

const TRUST = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
};

const policyOf = (plan: Plan) => ({ Version: '2012-10-17', Statement: plan.statements });

/** Its policy is put by `complete`; a role with another policy is not ours. */
export function roleEffect({ iam }: Pick<Clients, 'iam'>): Effect<Plan, RefOf<'role'>> {
  const policyNow = async (RoleName: string, signal: AbortSignal): Promise<unknown> => {
    const command = new GetRolePolicyCommand({ RoleName, PolicyName: POLICY_NAME });
    const answer = await orAbsent(iam.send(command, { abortSignal: signal }));
    return answer && document(answer.PolicyDocument);
  };
  return {
    async describe(plan, { owner, signal }) {
      const command = new GetRoleCommand({ RoleName: plan.roleName });
      const { Role } = (await orAbsent(iam.send(command, { abortSignal: signal }))) ?? {};
      if (!Role) return [];
      const policy = await policyNow(plan.roleName, signal);
      const planned = plain(policyOf(plan));
      return [
        foundByTags(owner, Role.Tags, refOf(Role), {
          path: [Role.Path, IAM_PATH],
          'trust policy': [isDeepStrictEqual(document(Role.AssumeRolePolicyDocument), TRUST), true],
          policy: policy === undefined || isDeepStrictEqual(policy, planned) ? [1, 1] : [policy, planned],
        }),
      ];
    },

    async create(plan, { tags, signal }) {
      const command = new CreateRoleCommand({
        RoleName: plan.roleName,
        Path: IAM_PATH,
        AssumeRolePolicyDocument: JSON.stringify(TRUST),
        Tags: tagList(tags),
      });
      const { Role } = await iam.send(command, { abortSignal: signal });
      return refOf(given(Role, 'Role'));
    },

    async complete(ref, plan, { signal }) {
      // IAM takes no policy without statements.
      if (plan.statements.length === 0) return ref;
      const command = new PutRolePolicyCommand({
        RoleName: plan.roleName,
        PolicyName: POLICY_NAME,
        PolicyDocument: JSON.stringify(policyOf(plan)),
      });
      await iam.send(command, { abortSignal: signal });
      return ref;
    },

    async remove({ roleName: RoleName }, _plan, { signal }) {
      const policy = new DeleteRolePolicyCommand({ RoleName, PolicyName: POLICY_NAME });
      await unlessGone(iam.send(policy, { abortSignal: signal }));
      await unlessGone(iam.send(new DeleteRoleCommand({ RoleName }), { abortSignal: signal }));
    },

    async leftovers(scope, { signal }) {
      const roles = await allPages(async (Marker) => {
        const command = new ListRolesCommand({ PathPrefix: IAM_PATH, ...(Marker ? { Marker } : {}) });
        const page = await iam.send(command, { abortSignal: signal });
        return { items: page.Roles ?? [], next: page.Marker };
      });
      const tagged = await Promise.all(
        roles.map(async (role) => {
          const command = new ListRoleTagsCommand({ RoleName: role.RoleName });
          const answer = await orAbsent(iam.send(command, { abortSignal: signal }));
          return { role, tags: tagsOf(answer?.Tags) };
        }),
      );
      return tagged
        .filter(({ tags }) => inScope(scope, tags))
        .map(({ role, tags }) => leftoverOf(refOf(role), tags));
    },
  };
}

/** IAM answers documents as URL-encoded JSON. */
const document = (encoded: string | undefined): unknown => {
  const text = given(encoded, 'PolicyDocument');
  return JSON.parse(text.trimStart().startsWith('{') ? text : decodeURIComponent(text));
};

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const refOf = (role: Role) => ({
  id: given(role.RoleId, 'RoleId'),
  arn: given(role.Arn, 'Arn'),
  roleName: given(role.RoleName, 'RoleName'),
});
