import type { S3Client } from '@aws-sdk/client-s3';
import type { Etcd3 } from 'etcd3';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotRecord } from '../../domain/etcd/backup.ts';
import type { ProofEvidence, RestoredState } from '../../domain/etcd/proof.ts';
import { say } from './progress.ts';
import {
  requireRoom,
  SnapshotRefused,
  withRestored,
  withScratchFolder,
  type ScratchSettings,
} from './scratch.ts';
import { hashAt, keysAt } from './state.ts';
import { fetchVersion } from './stored-snapshot.ts';

/** etcd writes its log ahead in files of 64 MB. */
const LOG_BYTES = 128 * 1024 * 1024;

/** What is found of the snapshot that the record names: its bytes, and what an etcd restored from them holds. */
export async function gatherEvidence(
  s3: S3Client,
  scratch: ScratchSettings,
  bucket: string,
  record: SnapshotRecord,
  signal: AbortSignal,
): Promise<ProofEvidence> {
  await requireRoom(scratch.folder, 2 * record.bytes + LOG_BYTES);
  return withScratchFolder(scratch, async (own) => {
    const file = join(own, 'snapshot.db');
    const object = await fetchVersion(s3, { bucket, record, file }, signal);
    if (object === undefined) return {};
    say('restoring it into a scratch etcd');
    try {
      const restored = await withRestored(scratch, own, file, signal, async (client) => {
        await rm(file);
        say('comparing what is in it');
        return stateOf(client, record);
      });
      return { object, restored };
    } catch (error) {
      if (!(error instanceof SnapshotRefused)) throw error;
      return { object, refused: error.message.replaceAll(`${own}/`, '') };
    }
  });
}

async function stateOf(client: Etcd3, { nonce }: SnapshotRecord): Promise<RestoredState> {
  const { header } = await client.maintenance.status();
  const [kv] = await nonceAt(client, nonce);
  const orBecause = (error: unknown) => ({ because: (error as Error).message });
  return {
    revision: header.revision,
    nonce: kv && { value: kv.value.toString(), revision: kv.mod_revision },
    keys: await keysAt(client, nonce.revision).catch(orBecause),
    hash: await hashAt(client, nonce.revision).catch(orBecause),
  };
}

/** Another backup may have written a later one since; and what is no longer kept at its revision is read as it is now. */
const nonceAt = async (client: Etcd3, { key, revision }: SnapshotRecord['nonce']) =>
  (
    await client
      .get(key)
      .revision(revision)
      .exec()
      .catch(() => client.get(key).exec())
  ).kvs;
