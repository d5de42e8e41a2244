import { z } from 'zod';
import { resource } from './resource.ts';

/** A JSON document in the zone store, written once and never over somebody else's. */
export const storeDocument = resource({
  kind: 'store-document',
  noun: 'document in the zone store',
  plan: z.strictObject({ bucket: z.string(), key: z.string(), content: z.json() }),
  /** `id` is the key. */
  ref: z.object({ id: z.string(), versionId: z.string() }),
  identity: 'name',
  actions: [
    's3:GetObject',
    's3:PutObject',
    's3:DeleteObject',
    's3:DeleteObjectVersion',
    's3:ListBucketVersions',
  ],
});
