import type { SnapshotRecord } from '../../domain/etcd/backup.ts';
import { ZonewrightError } from '../../domain/errors.ts';
import { lendEtcd, type EtcdAccess } from '../cloud/etcd.ts';
import { asActivity } from '../failures.ts';

/** Holds what an operation wrote after every backup that it can restore: once restored, it must be gone. */
const MARK_KEY = '/zonewright/restore';
/** Who serves the API, each entry under a lease of seconds. */
const SERVERS = '/registry/masterleases/';

export interface RestoredInput {
  readonly nonce: SnapshotRecord['nonce'];
  /** What `etcd.mark` wrote; absent where there was no etcd to write to. */
  readonly mark?: string;
  /** Addresses of the API servers that there are. */
  readonly servers: readonly string[];
}

export const restoredChecks = (access: EtcdAccess) => ({
  /** Writes what the restored etcd must not hold, once, and answers the revision at which it did. */
  'etcd.mark': asActivity('mark etcd', ({ mark }: { readonly mark: string }) =>
    lendEtcd(
      access,
      async (client) => {
        const written = client.put(MARK_KEY).value(mark);
        await client.if(MARK_KEY, 'Value', '==', mark).else(written).commit();
        const { kvs } = await client.get(MARK_KEY).exec();
        return { mark, revision: kvs[0]?.mod_revision ?? '0' };
      },
      // As it is: what was not marked is not restored either.
      (error) => error,
    ),
  ),

  /**
   * The gate of a restore: what was written just before the backup is there, what was written after it is not. API
   * servers that are gone are taken from the list of those that serve.
   */
  'etcd.restored': asActivity('look at the restored etcd', ({ nonce, mark, servers }: RestoredInput) =>
    lendEtcd(access, async (client) => {
      const [written, marked] = await Promise.all([
        client.get(nonce.key).exec(),
        client.get(MARK_KEY).string(),
      ]);
      const [kv] = written.kvs;
      if (kv?.value.toString() !== nonce.value || kv.mod_revision !== nonce.revision)
        throw new ZonewrightError(
          'GateFailed',
          `The etcd that answers does not hold what the backup does: "${nonce.key}"`,
        );
      if (mark !== undefined && marked === mark)
        throw new ZonewrightError(
          'GateFailed',
          'The etcd that answers holds what was written after the backup',
        );
      const stale = (await client.getAll().prefix(SERVERS).keys()).filter(
        (key) => !servers.includes(key.slice(SERVERS.length)),
      );
      for (const key of stale) await client.delete().key(key);
      return { revision: written.header.revision, stale: stale.map((key) => key.slice(SERVERS.length)) };
    }),
  ),
});
