/**
 * IAM is eventually consistent: RunInstances does not see a new profile, or one that just got its role, for a while.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html#troubleshoot_general_eventual-consistency
 */
import { AwsError } from '../call.ts';
import type { Rule } from '../call.ts';
import type { World } from '../world.ts';
import { itemsOf, objectOf } from '../xml.ts';

export function instanceProfiles(world: World): Rule {
  const changedAt = new Map<string, number>();
  return {
    name: 'instance-profiles',
    actions: ['iam:CreateInstanceProfile', 'iam:AddRoleToInstanceProfile', 'ec2:RunInstances'],
    async apply(call, next) {
      if (call.service === 'iam') {
        const answer = await next(call);
        changedAt.set(call.params.get('InstanceProfileName') ?? '', Date.now());
        return answer;
      }
      const given = call.params.get('IamInstanceProfile.Name') ?? call.params.get('IamInstanceProfile.Arn');
      if (given === null) return next(call);
      const name = given.split('/').at(-1) ?? '';
      const age = Date.now() - (changedAt.get(name) ?? 0);
      if (age < world.delays.iamMs || !(await hasRole(world, name))) throw unseen(given);
      return next(call);
    },
  };
}

async function hasRole(world: World, name: string): Promise<boolean> {
  try {
    const found = await world.emulator.ask('iam', 'GetInstanceProfile', { InstanceProfileName: name });
    return itemsOf(objectOf(found, 'InstanceProfile'), 'Roles').length > 0;
  } catch (error) {
    if (error instanceof AwsError && error.code === 'NoSuchEntity') return false;
    throw error;
  }
}

function unseen(given: string): AwsError {
  const [field, noun] = given.startsWith('arn:') ? ['arn', 'ARN'] : ['name', 'name'];
  const parameter = `parameter iamInstanceProfile.${field}`;
  return new AwsError(
    'InvalidParameterValue',
    `Value (${given}) for ${parameter} is invalid. Invalid IAM Instance Profile ${noun}`,
  );
}
