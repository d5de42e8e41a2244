import { z } from 'zod';
import { resource } from './resource.ts';

export const natGateway = resource({
  kind: 'nat-gateway',
  noun: 'NAT gateway',
  plan: z.strictObject({ subnetId: z.string(), allocationId: z.string() }),
  ref: z.object({ id: z.string() }),
  identity: 'token',
  actions: ['ec2:DescribeNatGateways', 'ec2:CreateNatGateway', 'ec2:DeleteNatGateway', 'ec2:CreateTags'],
  readySeconds: 2,
});
