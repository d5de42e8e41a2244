import { Context } from '@temporalio/activity';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Etcd3 } from 'etcd3';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  backupKeys,
  snapshotRecordSchema,
  type ProofRecord,
  type SnapshotRecord,
} from '../../domain/etcd/backup.ts';
import { checksOf, verdictOf, type ProofEvidence, type RestoredState } from '../../domain/etcd/proof.ts';
import { ZonewrightError } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { cloudErrorCode, isAlreadyThere, orAbsent } from '../cloud/cloud-errors.ts';
import type { EtcdAccess } from '../cloud/etcd.ts';
import { putObject, readObject, type ObjectName } from '../cloud/objects.ts';
import { uploadStream } from '../cloud/upload.ts';
import {
  requireRoom,
  SnapshotRefused,
  withRestored,
  withScratchFolder,
  type ScratchSettings,
} from '../etcd/scratch.ts';
import { hashAt, keysAt } from '../etcd/state.ts';
import {
  hashAfter,
  revisionOf,
  snapshotBytes,
  stateAt,
  withMember,
  writeNonce,
  type SourceMember,
} from '../etcd/snapshot.ts';
import { asActivity } from '../failures.ts';
import { beat } from '../heartbeat.ts';

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
    const evidence = await gather(s3, scratch, input.bucket, record, signal);
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

async function readRecord(
  s3: S3Client,
  name: ObjectName,
  signal: AbortSignal,
): Promise<SnapshotRecord | undefined> {
  const object = await orUnlisted(readObject(s3, name, signal));
  return object && parse(snapshotRecordSchema, JSON.parse(object.text), `"${name.bucket}/${name.key}"`);
}

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

/** etcd writes its log ahead in files of 64 MB. */
const LOG_BYTES = 128 * 1024 * 1024;

async function gather(
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

interface Fetch {
  readonly bucket: string;
  readonly record: SnapshotRecord;
  readonly file: string;
}

/** Writes the version to a file as it arrives, hashing; nothing where S3 has no such version. */
async function fetchVersion(s3: S3Client, { bucket, record, file }: Fetch, signal: AbortSignal) {
  const { key: Key, versionId } = record;
  const version = versionId === 'null' ? {} : { VersionId: versionId };
  const command = new GetObjectCommand({ Bucket: bucket, Key, ...version });
  const answer = await orUnlisted(orNoVersion(s3.send(command, { abortSignal: signal })));
  if (answer === undefined) return undefined;
  const hash = createHash('sha256');
  let bytes = 0;
  const onBytes = sayOften((so) => `${amount(so)} of ${amount(record.bytes)} fetched`);
  const counted = async function* (source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      hash.update(chunk);
      bytes += chunk.length;
      onBytes(bytes);
      yield chunk;
    }
  };
  await pipeline(answer.Body as Readable, counted, createWriteStream(file, { mode: 0o600 }), { signal });
  return { sha256: hash.digest('hex'), bytes };
}

/** Whoever may not list a bucket is told 403 of what is not there. */
async function orUnlisted<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (cloudErrorCode(error) === 'AccessDenied') return undefined;
    throw error;
  }
}

/** S3 calls a version that never was an invalid argument. */
async function orNoVersion<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await orAbsent(call);
  } catch (error) {
    if ((error as Error).name === 'InvalidArgument') return undefined;
    throw error;
  }
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

/** What the operation's followers see of the attempt. */
const say = (progress: string): void => beat({ progress });

/** The same, of what changes with every chunk: a few times a second. */
function sayOften(text: (bytes: number) => string): (bytes: number) => void {
  let next = 0;
  return (bytes) => {
    if (Date.now() < next) return;
    next = Date.now() + 500;
    say(text(bytes));
  };
}

const amount = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;
