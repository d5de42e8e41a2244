/** Snapshots in the zone store, and their records. */
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { snapshotRecordSchema, type SnapshotRecord } from '../../domain/etcd/backup.ts';
import { parse } from '../../domain/parse.ts';
import { cloudErrorCode, orAbsent } from '../cloud/cloud-errors.ts';
import { readObject, type ObjectName } from '../cloud/objects.ts';
import { amount, sayOften } from './progress.ts';

/** Nothing where there is no such record. */
export async function readRecord(
  s3: S3Client,
  name: ObjectName,
  signal: AbortSignal,
): Promise<SnapshotRecord | undefined> {
  const object = await orUnlisted(readObject(s3, name, signal));
  return object && parse(snapshotRecordSchema, JSON.parse(object.text), `"${name.bucket}/${name.key}"`);
}

interface Fetch {
  readonly bucket: string;
  readonly record: SnapshotRecord;
  readonly file: string;
}

/** Writes the version to a file as it arrives, hashing; nothing where S3 has no such version. */
export async function fetchVersion(s3: S3Client, { bucket, record, file }: Fetch, signal: AbortSignal) {
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
