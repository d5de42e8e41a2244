import { z } from 'zod';
import { resource } from './resource.ts';

export const route = resource({
  kind: 'route',
  noun: 'route',
  plan: z.strictObject({
    routeTableId: z.string(),
    destination: z.cidrv4(),
    target: z.union([
      z.strictObject({ internetGatewayId: z.string() }),
      z.strictObject({ natGatewayId: z.string() }),
      z.strictObject({ networkInterfaceId: z.string() }),
    ]),
  }),
  /** `id` is `<route table id>/<destination>`. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  actions: ['ec2:DescribeRouteTables', 'ec2:CreateRoute', 'ec2:DeleteRoute'],
});
