import { z } from 'zod';
import { resource } from './resource.ts';

export const elasticIpAssociation = resource({
  kind: 'elastic-ip-association',
  noun: 'Elastic IP association',
  plan: z.strictObject({ allocationId: z.string(), networkInterfaceId: z.string() }),
  /** `id` is the association id. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  actions: ['ec2:DescribeAddresses', 'ec2:AssociateAddress', 'ec2:DisassociateAddress'],
});
