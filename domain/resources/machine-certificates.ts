import { z } from 'zod';
import { resource } from './resource.ts';

/**
 * Certificates of one machine: its signing requests are read from its own prefix of the zone store, the certificates
 * are put back there. Signed only for the instance id that RunInstances returned.
 */
export const machineCertificates = resource({
  kind: 'machine-certificates',
  noun: 'certificates of a machine',
  plan: z.strictObject({
    bucket: z.string(),
    /** In front of `machines/`: empty or ends with a slash. */
    storePrefix: z.string().default(''),
    /** Folder of the authorities in the bucket. */
    authorities: z.string(),
    roleId: z.string(),
    instanceId: z.string(),
    role: z.enum(['border', 'director', 'worker']),
    /** What the profiles need to know about zone and machine; see `domain/pki`. */
    facts: z.record(z.string(), z.unknown()),
  }),
  /** `id` is the key of the certificates in the bucket. */
  ref: z.object({ id: z.string(), serials: z.array(z.string()) }),
  identity: 'name',
  waitsFor: 'the machine to boot and to ask for them',
  actions: [
    's3:GetObject',
    's3:PutObject',
    's3:DeleteObject',
    's3:DeleteObjectVersion',
    's3:ListBucketVersions',
    'kms:Decrypt',
  ],
});
