import { z } from 'zod';
import { resource } from './resource.ts';

export const vpc = resource({
  kind: 'vpc',
  noun: 'VPC',
  plan: z.strictObject({ cidr: z.cidrv4() }),
  ref: z.object({ id: z.string() }),
  identity: 'tags',
  actions: [
    'ec2:DescribeVpcs',
    'ec2:CreateVpc',
    'ec2:ModifyVpcAttribute',
    'ec2:DeleteVpc',
    'ec2:DescribeNetworkInterfaces',
    'ec2:CreateTags',
  ],
});
