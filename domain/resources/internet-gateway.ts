import { z } from 'zod';
import { resource } from './resource.ts';

export const internetGateway = resource({
  kind: 'internet-gateway',
  noun: 'internet gateway',
  plan: z.strictObject({ vpcId: z.string() }),
  ref: z.object({ id: z.string() }),
  identity: 'tags',
  actions: [
    'ec2:DescribeInternetGateways',
    'ec2:CreateInternetGateway',
    'ec2:AttachInternetGateway',
    'ec2:DetachInternetGateway',
    'ec2:DeleteInternetGateway',
    'ec2:CreateTags',
  ],
});
