import { z } from 'zod';
import { resource } from './resource.ts';

/** A snapshot where a machine may read it: in the machine's own prefix of the zone store. */
export const snapshotCopy = resource({
  kind: 'snapshot-copy',
  noun: 'copy of a snapshot',
  plan: z.strictObject({
    bucket: z.string(),
    /** The very version that was proven. */
    from: z.strictObject({ key: z.string(), versionId: z.string() }),
    /** Of the whole snapshot, hexadecimal. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    /** S3 copies up to 5 GiB in one call. */
    bytes: z
      .number()
      .int()
      .positive()
      .max(5 * 1024 ** 3),
    /** Told to the machine beside it: what it shall add to all revisions. */
    bumpRevision: z.number().int().min(0),
    roleId: z.string(),
    instanceId: z.string(),
    storePrefix: z.string().default(''),
  }),
  /** `id` is the key. */
  ref: z.object({ id: z.string(), versionId: z.string() }),
  identity: 'name',
  actions: [
    's3:GetObject',
    's3:GetObjectVersion',
    's3:PutObject',
    's3:DeleteObject',
    's3:DeleteObjectVersion',
    's3:ListBucketVersions',
  ],
});
