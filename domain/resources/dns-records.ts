import { z } from 'zod';
import { resource } from './resource.ts';

const record = z.strictObject({
  /** Fully qualified, without the last dot. */
  name: z.string(),
  type: z.enum(['A', 'AAAA', 'CNAME', 'NS', 'TXT', 'SRV', 'CAA']),
  ttlSeconds: z.number().int().min(0),
  values: z.array(z.string()).min(1),
});

/** Record sets of one hosted zone, changed as one batch. */
export const dnsRecords = resource({
  kind: 'dns-records',
  noun: 'DNS records',
  plan: z.strictObject({ hostedZoneId: z.string(), records: z.array(record).min(1) }),
  /** `id` is `<hosted zone id>/<names and types>`; `changeId` is what has to reach all name servers. */
  ref: z.object({ id: z.string(), changeId: z.string().optional() }),
  identity: 'name',
  actions: [
    'route53:ListHostedZones',
    'route53:ListResourceRecordSets',
    'route53:ChangeResourceRecordSets',
    'route53:GetChange',
  ],
  readySeconds: 1,
});
