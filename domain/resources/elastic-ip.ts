import { z } from 'zod';
import { resource } from './resource.ts';

/** An Elastic IP address, not yet attached to anything. */
export const elasticIp = resource({
  kind: 'elastic-ip',
  noun: 'Elastic IP',
  plan: z.strictObject({}),
  /** `id` is the allocation id. */
  ref: z.object({ id: z.string(), publicIp: z.ipv4() }),
  identity: 'tags',
  actions: ['ec2:DescribeAddresses', 'ec2:AllocateAddress', 'ec2:ReleaseAddress', 'ec2:CreateTags'],
});
