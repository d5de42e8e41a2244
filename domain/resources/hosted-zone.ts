import { z } from 'zod';
import { resource } from './resource.ts';

export const hostedZone = resource({
  kind: 'hosted-zone',
  noun: 'hosted zone',
  plan: z.strictObject({ domain: z.string(), delegationSetId: z.string() }),
  ref: z.object({ id: z.string(), nameServers: z.array(z.string()) }),
  identity: 'name',
  actions: [
    'route53:ListHostedZones',
    'route53:ListHostedZonesByName',
    'route53:GetHostedZone',
    'route53:CreateHostedZone',
    'route53:DeleteHostedZone',
    'route53:ListResourceRecordSets',
    'route53:ChangeResourceRecordSets',
    'route53:ChangeTagsForResource',
  ],
});
