/** Backups of a zone's etcd, as the zone store holds them. */
import { readBackups } from '../../domain/etcd/catalogue.ts';
import type { Backup, BackupStore } from '../../domain/etcd/catalogue.ts';
import type { AwsClients } from '../aws.ts';
import { ClientError, EXIT } from '../errors.ts';
import { listObjects, readText } from '../zone-store.ts';

/** The latest first. */
export const listBackups = (aws: Pick<AwsClients, 's3'>, bucket: string, zone: string): Promise<Backup[]> =>
  readBackups(storeOf(aws, bucket), zone, Date.now());

const storeOf = (aws: Pick<AwsClients, 's3'>, bucket: string): BackupStore => ({
  list: (prefix) => listObjects(aws, bucket, prefix),
  read: (key) => readText(aws, bucket, key),
});

/** Stands for the newest backup that has a snapshot. */
export const LATEST = 'latest';

/**
 * The backup that a person means: by its name, by an unmistakable part of it, or as the latest.
 *
 * @param wanted what makes one acceptable for `latest`; what it is for is said in the error
 * @throws {ClientError} when there is none, or more than one
 */
export function chooseBackup(
  backups: readonly Backup[],
  name: string,
  zone: string,
  wanted: { readonly isFit: (backup: Backup) => boolean; readonly what: string },
): Backup {
  if (name === LATEST) {
    const latest = backups.find(wanted.isFit);
    if (latest) return latest;
    throw new ClientError(EXIT.usage, `Cannot find a ${wanted.what} of zone "${zone}"`, {
      expectation: `one; make it with "zonewright etcd backup ${zone}"`,
    });
  }
  const exact = backups.find(({ backup }) => backup === name);
  const alike = exact ? [exact] : backups.filter(({ backup }) => backup.includes(name));
  const [found] = alike;
  if (found && alike.length === 1) return found;
  const problem = found ? `${alike.length} backups match` : 'there is none of this name';
  throw new ClientError(EXIT.usage, `Cannot tell which backup of zone "${zone}" is "${name}": ${problem}`, {
    expectation: `"${LATEST}" or a name that "zonewright etcd backups ${zone}" shows`,
  });
}
