import { z } from 'zod';
import { resource } from './resource.ts';

/** An instance profile that holds one role. EC2 sees a new one only after some seconds. */
export const instanceProfile = resource({
  kind: 'instance-profile',
  noun: 'instance profile',
  plan: z.strictObject({ profileName: z.string().max(128), roleName: z.string().max(64) }),
  ref: z.object({ id: z.string(), arn: z.string(), profileName: z.string() }),
  identity: 'name',
  actions: [
    'iam:GetInstanceProfile',
    'iam:CreateInstanceProfile',
    'iam:AddRoleToInstanceProfile',
    'iam:RemoveRoleFromInstanceProfile',
    'iam:DeleteInstanceProfile',
    'iam:TagInstanceProfile',
    'iam:ListInstanceProfiles',
  ],
});
