import { z } from 'zod';
import { resource } from './resource.ts';

/** The reusable delegation set of an account: made at first use, shared by all zones, never deleted. */
export const delegationSet = resource({
  kind: 'delegation-set',
  noun: 'reusable delegation set',
  plan: z.strictObject({ callerReference: z.string().min(1).max(128) }),
  ref: z.object({ id: z.string(), nameServers: z.array(z.string()) }),
  identity: 'name',
  actions: ['route53:ListReusableDelegationSets', 'route53:CreateReusableDelegationSet'],
});
