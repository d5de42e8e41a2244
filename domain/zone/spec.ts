import { z } from 'zod';
import { AVAILABILITY_ZONES, ENVIRONMENTS, slotsOf, ZONES } from './addresses.ts';
import { disagreements } from './agreement.ts';
import {
  anyRange,
  countOfOne,
  domainName,
  instanceType,
  labels,
  notYet,
  privateRange,
  text,
  wholeNumber,
} from './fields.ts';
import { KUBERNETES_VERSIONS } from './versions.ts';

const environment = z.strictObject({
  /** As people call it; what tells environments apart is their domain. */
  name: text(/^[a-z][a-z0-9-]{0,30}$/, 'lower-case letters, digits and dashes, at most 31, e.g. "prod"'),
  domain: domainName,
  index: wholeNumber(0, ENVIRONMENTS - 1).meta({ description: 'Decides the /19 of the environment.' }),
});

const image = z
  .strictObject({
    id: text(/^ami-[0-9a-f]{8,17}$/, 'the id of an AMI, e.g. "ami-0123456789abcdef0"').optional(),
    recipe: text(/\S/, 'the path of a recipe folder, relative to this file').optional(),
    digest: text(/^[0-9a-f]{64}$/, 'the digest of a recipe: 64 lower-case hexadecimal digits').optional(),
  })
  .refine((given) => Object.values(given).filter((value) => value !== undefined).length === 1, {
    error: 'exactly one of id, recipe, digest',
  })
  .meta({ description: 'An image by id, by the folder of its recipe, or by the digest of its recipe.' });

const kubernetes = z.strictObject({
  version: z
    .string({ error: 'a version, e.g. "1.36.3"' })
    .regex(/^\d+\.\d+\.\d+$/, 'a version in three parts without "v", e.g. "1.36.3"')
    .refine((version) => Object.hasOwn(KUBERNETES_VERSIONS, version), {
      error: `a version that was tried with its etcd and containerd: ${Object.keys(KUBERNETES_VERSIONS).join(', ')}`,
    }),
  podCidr: privateRange(8, 24, '10.64.0.0/16').meta({ description: 'Each worker has a /24 of it.' }),
  serviceCidr: privateRange(12, 24, '10.96.0.0/16'),
});

const NAT = ['single', 'per-availability-zone'] as const;

const network = z
  .strictObject({
    nat: z
      .string({ error: 'the name of a way out' })
      .superRefine((value, context) => {
        if (NAT.some((known) => known === value)) return;
        const why = value === 'none' ? ': a zone without NAT gateways is not supported yet' : '';
        context.addIssue({ code: 'custom', message: `"single" or "per-availability-zone"${why}` });
      })
      .default('single')
      .meta({ enum: [...NAT] }),
    ipv6: notYet('IPv6 is'),
  })
  .prefault({});

const border = z.strictObject({
  instanceType,
  count: countOfOne('borders'),
  /** TCP ports open to everybody. */
  publicPorts: z.array(wholeNumber(1, 65_535)).max(20).default([80, 443]),
  /** Who may reach ssh; nobody by default. */
  sshFrom: z.array(anyRange).max(20).default([]),
  spot: notYet('spot instances are'),
});

const director = z.strictObject({
  instanceType,
  count: countOfOne('directors'),
  spot: notYet('spot instances are'),
});

const pool = z.strictObject({
  instanceType,
  count: wholeNumber(1, slotsOf('worker')),
  labels,
  spot: notYet('spot instances are'),
});

const dns = z
  .strictObject({
    ttlSeconds: wholeNumber(1, 86_400).default(60),
    /** `automatic` writes the NS records where the parent is in the account; `manual` never does, and waits. */
    delegation: z.enum(['automatic', 'manual']).default('automatic'),
  })
  .prefault({});

/** What a person writes to describe a zone; see `examples/zone.yaml`. Parsing what was parsed changes nothing. */
export const zoneSpecSchema = z
  .strictObject({
    environment,
    zone: wholeNumber(0, ZONES - 1).meta({ description: 'Index of the zone: 3 is zone03.' }),
    region: text(/^[a-z]{2}(-[a-z]+)+-\d$/, 'an AWS region, e.g. "us-east-1"'),
    availabilityZones: z
      .array(z.string({ error: 'the name of an availability zone' }), {
        error: 'a list of 3 availability zones',
      })
      .length(AVAILABILITY_ZONES, { error: '3 availability zones' }),
    image,
    kubernetes,
    network,
    border,
    director,
    workers: z.array(pool, { error: 'a list of pools of workers' }).min(1, { error: 'at least one pool' }),
    dns,
    labels: labels.meta({ description: 'Labels of every node of the zone.' }),
  })
  .superRefine((spec, context) => {
    // Whether fields agree can be said only where each is right by itself.
    if (context.issues.length > 0) return;
    for (const { path, message } of disagreements(spec)) {
      context.addIssue({ code: 'custom', path: [...path], message });
    }
  });

export type ZoneSpec = z.output<typeof zoneSpecSchema>;
export type ZoneSpecInput = z.input<typeof zoneSpecSchema>;

/** `zone03` */
export const zoneName = (index: number): string => `zone${String(index).padStart(2, '0')}`;
/** `zone03.prod.example.com` */
export const zoneDomain = (spec: Pick<ZoneSpec, 'environment' | 'zone'>): string =>
  `${zoneName(spec.zone)}.${spec.environment.domain}`;
