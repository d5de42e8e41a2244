import { z } from 'zod';

/** What a plan needs to know beyond the specification: asked for once, before the plan is made. */
export const zoneFactsSchema = z.strictObject({
  accountId: z.string().regex(/^\d{12}$/, 'an AWS account: 12 digits'),
  /** Zone store; `storePrefix` is empty or ends with a slash. */
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of an S3 bucket'),
  storePrefix: z
    .string()
    .regex(/^$|\/$/, 'nothing, or a prefix that ends with a slash')
    .default(''),
  /** Verified image that all machines boot from. */
  imageId: z.string().regex(/^ami-[0-9a-f]+$/, 'the id of an AMI'),
  /** Hosted zone of the environment's domain, where this account has it. */
  environmentHostedZoneId: z.string().min(1).optional(),
  /** Temporal as the border reaches it. */
  temporal: z.strictObject({
    address: z.string().regex(/^[^\s:/]+:\d{1,5}$/, 'host and port, e.g. "temporal.example.com:7233"'),
    namespace: z.string().min(1),
  }),
});
export type ZoneFacts = z.output<typeof zoneFactsSchema>;
export type ZoneFactsInput = z.input<typeof zoneFactsSchema>;
