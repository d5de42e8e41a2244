import { z } from 'zod';
import { resource } from './resource.ts';

/** A security group without rules: AWS's default egress rule is revoked at creation. */
export const securityGroup = resource({
  kind: 'security-group',
  noun: 'security group',
  plan: z.strictObject({
    vpcId: z.string(),
    groupName: z.string().max(255),
    description: z.string().max(255),
  }),
  ref: z.object({ id: z.string() }),
  identity: 'tags',
  actions: [
    'ec2:DescribeSecurityGroups',
    'ec2:CreateSecurityGroup',
    'ec2:RevokeSecurityGroupEgress',
    'ec2:DeleteSecurityGroup',
    'ec2:RevokeSecurityGroupIngress',
    'ec2:DescribeNetworkInterfaces',
    'ec2:CreateTags',
  ],
});
