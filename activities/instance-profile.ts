import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  DeleteInstanceProfileCommand,
  GetInstanceProfileCommand,
  ListInstanceProfilesCommand,
  RemoveRoleFromInstanceProfileCommand,
  type InstanceProfile,
} from '@aws-sdk/client-iam';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { orAbsent, unlessGone } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import { allPages } from './cloud/pages.ts';
import { foundByTags, given, inScope, leftoverOf, tagList, tagsOf } from './cloud/tags.ts';
import type { Effect } from './effect.ts';
import { IAM_PATH } from './role.ts';

/** Its role is added by `complete`; a profile that holds another is not ours. */
export function instanceProfileEffect({
  iam,
}: Pick<Clients, 'iam'>): Effect<PlanOf<'instance-profile'>, RefOf<'instance-profile'>> {
  const get = async (InstanceProfileName: string, signal: AbortSignal) => {
    const command = new GetInstanceProfileCommand({ InstanceProfileName });
    return (await orAbsent(iam.send(command, { abortSignal: signal })))?.InstanceProfile;
  };
  return {
    async describe(plan, { owner, signal }) {
      const profile = await get(plan.profileName, signal);
      if (!profile) return [];
      const role = profile.Roles?.[0]?.RoleName;
      return [
        foundByTags(owner, profile.Tags, refOf(profile), {
          path: [profile.Path, IAM_PATH],
          role: [role ?? plan.roleName, plan.roleName],
        }),
      ];
    },

    async create(plan, { tags, signal }) {
      const command = new CreateInstanceProfileCommand({
        InstanceProfileName: plan.profileName,
        Path: IAM_PATH,
        Tags: tagList(tags),
      });
      const { InstanceProfile } = await iam.send(command, { abortSignal: signal });
      return refOf(given(InstanceProfile, 'InstanceProfile'));
    },

    async complete(ref, plan, { signal }) {
      const profile = await get(plan.profileName, signal);
      if (profile?.Roles?.some(({ RoleName }) => RoleName === plan.roleName)) return ref;
      const command = new AddRoleToInstanceProfileCommand({
        InstanceProfileName: plan.profileName,
        RoleName: plan.roleName,
      });
      await iam.send(command, { abortSignal: signal });
      return ref;
    },

    async remove({ profileName: InstanceProfileName }, _plan, { signal }) {
      const profile = await get(InstanceProfileName, signal);
      for (const { RoleName } of profile?.Roles ?? []) {
        const command = new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName });
        await unlessGone(iam.send(command, { abortSignal: signal }));
      }
      const command = new DeleteInstanceProfileCommand({ InstanceProfileName });
      await unlessGone(iam.send(command, { abortSignal: signal }));
    },

    async leftovers(scope, { signal }) {
      const profiles = await allPages(async (Marker) => {
        const command = new ListInstanceProfilesCommand({
          PathPrefix: IAM_PATH,
          ...(Marker ? { Marker } : {}),
        });
        const page = await iam.send(command, { abortSignal: signal });
        return { items: page.InstanceProfiles ?? [], next: page.Marker };
      });
      const tagged = await Promise.all(
        profiles.map(async (profile) => {
          const found = await get(given(profile.InstanceProfileName, 'InstanceProfileName'), signal);
          return { profile, tags: tagsOf(found?.Tags) };
        }),
      );
      return tagged
        .filter(({ tags }) => inScope(scope, tags))
        .map(({ profile, tags }) => leftoverOf(refOf(profile), tags));
    },
  };
}

const refOf = (profile: InstanceProfile) => ({
  id: given(profile.InstanceProfileId, 'InstanceProfileId'),
  arn: given(profile.Arn, 'Arn'),
  profileName: given(profile.InstanceProfileName, 'InstanceProfileName'),
});
