import {
  GetObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { machineKeys, type MachineConfig } from '../../domain/machine-config.ts';

export interface Fetched {
  /** Hexadecimal. */
  readonly sha256: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The machine's own prefix of the zone store: all that its role opens to it. */
export interface MachineStore {
  readonly keys: ReturnType<typeof machineKeys>;
  put(key: string, text: string): Promise<void>;
  /** Nothing where there is nothing. */
  get(key: string): Promise<string | undefined>;
  /** Writes an object to a file as it arrives; nothing where there is nothing. */
  fetch(key: string, path: string): Promise<Fetched | undefined>;
}

type Place = Pick<MachineConfig, 'region' | 'bucket' | 'storePrefix'>;

/** Asks STS who the machine is: its prefix is named after `aws:userid`, which metadata does not tell. */
export async function openMachineStore({ region, bucket, storePrefix }: Place): Promise<MachineStore> {
  const { UserId } = await new STSClient({ region }).send(new GetCallerIdentityCommand({}));
  if (!UserId) throw new Error('Cannot tell the prefix of this machine: STS named no user id');
  const forcePathStyle = process.env['AWS_ENDPOINT_URL'] !== undefined;
  const s3 = new S3Client({ region, forcePathStyle });
  return {
    keys: machineKeys(UserId, storePrefix),
    async put(key, text) {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: text }));
    },
    async get(key) {
      try {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return await Body?.transformToString();
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    },
    async fetch(key, path) {
      try {
        const { Body, Metadata = {} } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return { sha256: await writeHashed(Body as Readable, path), metadata: Metadata };
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    },
  };
}

async function writeHashed(source: Readable, path: string): Promise<string> {
  const hash = createHash('sha256');
  const hashed = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(source, hashed, createWriteStream(path, { mode: 0o600 }));
  return hash.digest('hex');
}

/** Without the right to list, S3 says 403 of a key that is not there. */
const isAbsent = (error: unknown): boolean =>
  error instanceof NoSuchKey ||
  (error instanceof S3ServiceException && [403, 404].includes(error.$metadata.httpStatusCode ?? 0));
