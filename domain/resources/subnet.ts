import { z } from 'zod';
import { resource } from './resource.ts';

export const subnet = resource({
  kind: 'subnet',
  noun: 'subnet',
  plan: z.strictObject({ vpcId: z.string(), cidr: z.cidrv4(), availabilityZone: z.string() }),
  ref: z.object({ id: z.string() }),
  identity: 'tags',
  actions: [
    'ec2:DescribeSubnets',
    'ec2:CreateSubnet',
    'ec2:DeleteSubnet',
    'ec2:DescribeNetworkInterfaces',
    'ec2:CreateTags',
  ],
});
