import { z } from 'zod';
import { resource } from './resource.ts';

const statement = z.strictObject({
  Effect: z.enum(['Allow', 'Deny']),
  Action: z.array(z.string()),
  Resource: z.array(z.string()),
  Condition: z.record(z.string(), z.record(z.string(), z.array(z.string()))).optional(),
});

/** An IAM role that EC2 instances assume, with one inline policy. */
export const role = resource({
  kind: 'role',
  noun: 'IAM role',
  plan: z.strictObject({ roleName: z.string().max(64), statements: z.array(statement) }),
  /** `id` is the unique id (AROA…), which begins the instances' `aws:userid`. */
  ref: z.object({ id: z.string(), arn: z.string(), roleName: z.string() }),
  identity: 'name',
  actions: [
    'iam:GetRole',
    'iam:CreateRole',
    'iam:GetRolePolicy',
    'iam:PutRolePolicy',
    'iam:DeleteRolePolicy',
    'iam:DeleteRole',
    'iam:TagRole',
    'iam:ListRoles',
    'iam:ListRoleTags',
  ],
});
