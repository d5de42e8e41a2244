import { Context } from '@temporalio/activity';
import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { ZonewrightError } from '../../domain/errors.ts';
import { backupKeys, snapshotRecordSchema } from '../../domain/etcd/backup.ts';
import { readBackups, type Backup, type BackupStore } from '../../domain/etcd/catalogue.ts';
import { planRetention, type Retention } from '../../domain/etcd/retention.ts';
import { parse } from '../../domain/parse.ts';
import type { Clients } from '../cloud/clients.ts';
import { deleteVersion, readObject, versionsBelow } from '../cloud/objects.ts';
import { allPages } from '../cloud/pages.ts';
import { abortUploads } from '../cloud/upload.ts';
import { removeBackup } from '../etcd-backup.ts';
import { asActivity } from '../failures.ts';

export interface BackupsOf {
  readonly bucket: string;
  readonly zone: string;
}

/** What has to do with backups and needs no machine of the zone. */
export const backupsChecks = ({ s3 }: Pick<Clients, 's3'>) => ({
  /** What is known of one backup of a zone. */
  'backup.describe': asActivity(
    'look at the backup',
    async ({
      bucket,
      zone,
      backup,
    }: BackupsOf & { readonly backup: string }): Promise<Backup & { readonly seen: readonly string[] }> => {
      const all = await readBackups(storeOf(s3, bucket), zone, Date.now());
      const found = all.find((one) => one.backup === backup);
      // Revisions that the zone's etcd is known to have had.
      const seen = all.flatMap(({ snapshot }) => snapshot?.lastRevision ?? []);
      if (found) return { ...found, seen: seen.toSorted((a, b) => Number(a) - Number(b)).slice(-1) };
      throw new ZonewrightError('InvalidInput', `Cannot find backup "${backup}" of zone "${zone}"`);
    },
  ),

  /** Removes what attempts left behind that do not count: begun uploads, and objects that the record does not name. */
  'backup.tidy': asActivity(
    'tidy up the backup',
    async ({ bucket, folder }: { readonly bucket: string; readonly folder: string }) => {
      const signal = Context.current().cancellationSignal;
      const ended = await abortUploads(s3, bucket, folder, signal);
      const name = { bucket, key: backupKeys(folder).record };
      const object = await readObject(s3, name, signal);
      if (!object) return { ended, deleted: 0 };
      const record = parse(snapshotRecordSchema, JSON.parse(object.text), `"${bucket}/${name.key}"`);
      const versions = await versionsBelow(s3, bucket, folder, signal);
      const strays = versions.filter(
        ({ key, versionId }) =>
          key.endsWith('/snapshot.db') && !(key === record.key && versionId === record.versionId),
      );
      for (const { key, versionId } of strays) await deleteVersion(s3, { bucket, key }, versionId, signal);
      return { ended, deleted: strays.length };
    },
  ),

  /** Removes the backups that no rule keeps, the oldest first. What is decided is decided from what is there now. */
  'backup.retain': asActivity(
    'remove old backups',
    async ({ bucket, zone, rules }: BackupsOf & { readonly rules: Retention }) => {
      const signal = Context.current().cancellationSignal;
      const backups = await readBackups(storeOf(s3, bucket), zone, Date.now());
      const { keep, remove } = planRetention(backups, rules);
      for (const name of remove) {
        const folder = backups.find(({ backup }) => backup === name)?.folder;
        if (folder !== undefined) await removeBackup(s3, bucket, folder, signal);
      }
      return { kept: keep.length, removed: remove };
    },
  ),
});

/** The part of a bucket that backups are listed from. */
const storeOf = (s3: S3Client, bucket: string): BackupStore => {
  const signal = Context.current().cancellationSignal;
  return {
    list: (Prefix) =>
      allPages(async (ContinuationToken) => {
        const command = new ListObjectsV2Command({ Bucket: bucket, Prefix, ContinuationToken });
        const page = await s3.send(command, { abortSignal: signal });
        const items = (page.Contents ?? []).map(({ Key = '', LastModified = new Date() }) => ({
          key: Key,
          modifiedAt: LastModified,
        }));
        return { items, next: page.NextContinuationToken };
      }),
    read: async (key) => (await readObject(s3, { bucket, key }, signal))?.text,
  };
};
