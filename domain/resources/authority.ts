import { z } from 'zod';
import { resource } from './resource.ts';

/** A certificate authority (or the key pair of service accounts) of a zone. Its key is sealed in the zone store. */
export const authority = resource({
  kind: 'authority',
  noun: 'certificate authority',
  plan: z.strictObject({
    bucket: z.string(),
    /** Folder in the bucket: `zones/<zone>/pki`. */
    prefix: z.string(),
    /** Id of the authority's profile in `domain/pki`. */
    profile: z.string(),
    zone: z.string(),
  }),
  /** `id` is the key of the certificate in the bucket; the sealed key lies beside it. */
  ref: z.object({ id: z.string(), fingerprint: z.string() }),
  identity: 'name',
  actions: [
    's3:GetObject',
    's3:PutObject',
    's3:DeleteObject',
    's3:DeleteObjectVersion',
    's3:ListBucketVersions',
    'kms:GenerateDataKey',
    'kms:Decrypt',
    'kms:CreateKey',
    'kms:CreateAlias',
    'kms:ListAliases',
    'kms:TagResource',
  ],
});
