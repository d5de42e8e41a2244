import { z } from 'zod';
import { backupClaimSchema } from '../etcd/backup.ts';
import { resource } from './resource.ts';

/** The folder of a backup in the zone store: everything below it comes and goes with it. */
export const etcdBackup = resource({
  kind: 'etcd-backup',
  noun: 'backup of etcd',
  plan: z.strictObject({
    bucket: z.string(),
    /** Ends with a slash. */
    folder: z.string().regex(/zones\/[^/]+\/backups\/[^/]+\/$/, 'the folder of a backup'),
    claim: z.strictObject(backupClaimSchema.shape),
  }),
  /** `id` is the folder. */
  ref: z.object({ id: z.string() }),
  identity: 'name',
  actions: [
    's3:GetObject',
    's3:PutObject',
    's3:DeleteObject',
    's3:DeleteObjectVersion',
    's3:ListBucketVersions',
    's3:ListBucketMultipartUploads',
    's3:AbortMultipartUpload',
  ],
});
