import { z } from 'zod';
import { resource } from './resource.ts';

/** A route table with the subnets it is associated with. Its routes are resources of their own. */
export const routeTable = resource({
  kind: 'route-table',
  noun: 'route table',
  plan: z.strictObject({ vpcId: z.string(), subnetIds: z.array(z.string()) }),
  ref: z.object({ id: z.string() }),
  identity: 'token',
  actions: [
    'ec2:DescribeRouteTables',
    'ec2:CreateRouteTable',
    'ec2:AssociateRouteTable',
    'ec2:DisassociateRouteTable',
    'ec2:DeleteRouteTable',
    'ec2:CreateTags',
  ],
});
