import { isDeepStrictEqual } from 'node:util';
import { backupFolder, backupKeys } from '../domain/etcd/backup.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import type { Clients } from './cloud/clients.ts';
import {
  deleteVersion,
  ownsObject,
  attemptOfObject,
  putObject,
  readObject,
  versionsBelow,
} from './cloud/objects.ts';
import { abortUploads } from './cloud/upload.ts';
import type { Effect } from './effect.ts';
import type { StoreSettings } from './store-document.ts';

/**
 * Its claim is the first thing in the folder and says whose it is; what else comes to lie there is written by the
 * zone's own worker, which may not delete.
 */
export const etcdBackupEffect = (
  { s3 }: Pick<Clients, 's3'>,
  { bucket: store }: StoreSettings,
): Effect<PlanOf<'etcd-backup'>, RefOf<'etcd-backup'>> => ({
  async describe({ bucket, folder, claim }, { owner, signal }) {
    const object = await readObject(s3, { bucket, key: backupKeys(folder).claim }, signal);
    if (!object) return [];
    const isClaim = isDeepStrictEqual(JSON.parse(object.text), claim);
    return [
      {
        ref: { id: folder },
        owned: ownsObject(owner, object),
        attempt: attemptOfObject(object),
        mismatch: isClaim ? [] : ['its claim is not as planned'],
      },
    ];
  },

  async create({ bucket, folder, claim }, { tags, signal }) {
    const name = { bucket, key: backupKeys(folder).claim };
    await putObject(s3, name, JSON.stringify(claim), { ifNew: true }, { tags, signal });
    return { id: folder };
  },

  remove: ({ id }, plan, { signal }) => removeBackup(s3, plan?.bucket ?? store, id, signal),

  /** Of an operation only: backups outlive the zone that they are of. */
  async leftovers(scope, { signal }) {
    if (!('operation' in scope) || scope.zone === undefined) return [];
    const folder = backupFolder(scope.zone, scope.operation);
    const versions = await versionsBelow(s3, store, folder, signal);
    return versions.length === 0 ? [] : [{ id: folder, ref: { id: folder }, operation: scope.operation }];
  },
});

/** Removes everything of a backup, the record first: what a crash leaves of it is then no backup any more. */
export async function removeBackup(
  s3: Clients['s3'],
  bucket: string,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  await abortUploads(s3, bucket, folder, signal);
  const { record, claim } = backupKeys(folder);
  const rank = (key: string): number => (key === record ? 0 : key === claim ? 2 : 1);
  const versions = await versionsBelow(s3, bucket, folder, signal);
  for (const { key, versionId } of versions.toSorted((a, b) => rank(a.key) - rank(b.key))) {
    await deleteVersion(s3, { bucket, key }, versionId, signal);
  }
}
