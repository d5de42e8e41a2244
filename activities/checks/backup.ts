import { Context } from '@temporalio/activity';
import type { S3Client } from '@aws-sdk/client-s3';
import { backupKeys, type ProofRecord, type SnapshotRecord } from '../../domain/etcd/backup.ts';
import { checksOf, verdictOf } from '../../domain/etcd/proof.ts';
import { ZonewrightError } from '../../domain/errors.ts';
import { isAlreadyThere } from '../cloud/cloud-errors.ts';
import type { EtcdAccess } from '../cloud/etcd.ts';
import { putObject } from '../cloud/objects.ts';
import { uploadStream } from '../cloud/upload.ts';
import { gatherEvidence } from '../etcd/evidence.ts';
import { amount, sayOften } from '../etcd/progress.ts';
import type { ScratchSettings } from '../etcd/scratch.ts';
import {
  hashAfter,
  revisionOf,
  snapshotBytes,
  stateAt,
  withMember,
  writeNonce,
  type SourceMember,
} from '../etcd/snapshot.ts';
import { readRecord } from '../etcd/stored-snapshot.ts';
import { asActivity } from '../failures.ts';

/** What backups need on the machine that makes and proves them. */
export interface BackupAccess {
  /** With the machine's own role, which opens the zone's backups to it: to write and to read, never to delete. */
  readonly s3: S3Client;
  readonly scratch: ScratchSettings;
}

export interface SnapshotInput {
  readonly bucket: string;
  /** Folder of the backup, as its effect made it. */
  readonly folder: string;
  readonly backup: string;
}

export interface ProveInput extends SnapshotInput {
  /** The operation that proves it. */
  readonly operation: string;
}

export const backupChecks = (etcd: EtcdAccess, { s3, scratch }: BackupAccess) => ({
  /**
   * Streams a snapshot into the folder and writes down what is true of it. An attempt that died starts over
   * under another key; the first record that is written counts, and `backup.tidy` removes what the others left.
   */
  'etcd.snapshot': asActivity('back up etcd', async (input: SnapshotInput): Promise<SnapshotRecord> => {
    const signal = Context.current().cancellationSignal;
    const name = { bucket: input.bucket, key: backupKeys(input.folder).record };
    const there = await readRecord(s3, name, signal);
    if (there) return there;
    const nonce = await writeNonce(etcd);
    const record = await withMember(etcd, nonce.revision, (member) =>
      takeSnapshot(s3, input, member, nonce, signal),
    );
    try {
      await putObject(s3, name, JSON.stringify(record), { ifNew: true }, { signal });
      return record;
    } catch (error) {
      if (!isAlreadyThere(error)) throw error;
      return (await readRecord(s3, name, signal)) ?? record;
    }
  }),

  /**
   * Fetches the very version that the record names, restores it into an etcd of its own and compares. What differs is
   * a verdict and no failure; it is written beside the snapshot either way.
   */
  'etcd.prove': asActivity('prove the backup', async (input: ProveInput): Promise<ProofRecord> => {
    const signal = Context.current().cancellationSignal;
    const startedAt = new Date().toISOString();
    const keys = backupKeys(input.folder);
    const record = await readRecord(s3, { bucket: input.bucket, key: keys.record }, signal);
    if (!record)
      throw new ZonewrightError('GateFailed', `Cannot prove backup "${input.backup}": it has no snapshot`);
    const evidence = await gatherEvidence(s3, scratch, input.bucket, record, signal);
    const checks = checksOf(record, evidence);
    const proof: ProofRecord = {
      format: 1,
      backup: input.backup,
      operation: input.operation,
      verdict: verdictOf(checks),
      checks,
      object: {
        key: record.key,
        versionId: record.versionId,
        sha256: evidence.object?.sha256 ?? '',
        bytes: evidence.object?.bytes ?? 0,
      },
      etcd: record.source.version,
      startedAt,
      endedAt: new Date().toISOString(),
    };
    // One for each time it is proven: a person's retry is another look.
    const key = keys.proof(`${input.operation}-${Context.current().info.activityId}`);
    await putObject(s3, { bucket: input.bucket, key }, JSON.stringify(proof), undefined, { signal });
    return proof;
  }),
});

async function takeSnapshot(
  s3: S3Client,
  { bucket, folder, backup }: SnapshotInput,
  member: SourceMember,
  nonce: SnapshotRecord['nonce'],
  signal: AbortSignal,
): Promise<SnapshotRecord> {
  const { activityId, attempt: tried } = Context.current().info;
  const startedAt = new Date().toISOString();
  const { keys, hash } = await stateAt(member, nonce.revision);
  const attempt = `${activityId}-${tried}`;
  const key = backupKeys(folder).snapshot(attempt);
  const onBytes = sayOften((bytes) => `${amount(bytes)} of about ${amount(member.dbBytes)} stored`);
  const uploaded = await uploadStream(s3, { bucket, key }, snapshotBytes(member, signal), {
    signal,
    onBytes,
  });
  const after = await hashAfter(member, nonce.revision);
  const isOther = after !== undefined && after.compactRevision !== hash.compactRevision;
  return {
    ...{ format: 1, backup, attempt, key, ...uploaded, nonce, keys },
    hashes: isOther ? [hash, after] : [hash],
    lastRevision: await revisionOf(member),
    source: member.source,
    startedAt,
    endedAt: new Date().toISOString(),
  };
}
