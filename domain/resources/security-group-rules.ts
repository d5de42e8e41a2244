import { z } from 'zod';
import { resource } from './resource.ts';

const rule = z.strictObject({
  /** `-1` is every protocol; ports are absent then. */
  protocol: z.enum(['tcp', 'udp', 'icmp', '-1']),
  fromPort: z.number().int().min(0).max(65_535).optional(),
  toPort: z.number().int().min(0).max(65_535).optional(),
  peer: z.union([z.strictObject({ cidr: z.cidrv4() }), z.strictObject({ securityGroupId: z.string() })]),
  description: z.string().max(255),
});

/** Rules of one group, apart from it since groups refer to each other. */
export const securityGroupRules = resource({
  kind: 'security-group-rules',
  noun: 'rules of a security group',
  plan: z.strictObject({ groupId: z.string(), ingress: z.array(rule), egress: z.array(rule) }),
  /** `id` is the group's id. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  actions: [
    'ec2:DescribeSecurityGroups',
    'ec2:AuthorizeSecurityGroupIngress',
    'ec2:AuthorizeSecurityGroupEgress',
    'ec2:RevokeSecurityGroupIngress',
    'ec2:RevokeSecurityGroupEgress',
  ],
});
