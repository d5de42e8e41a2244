import { createReadStream } from 'node:fs';
import { HeadObjectCommand, PutObjectCommand, S3ServiceException, type S3Client } from '@aws-sdk/client-s3';
import { recipeKey } from '../../domain/archive.ts';
import { ZonewrightError } from '../../domain/errors.ts';
import type { PackedRecipe } from './pack.ts';

/** Where the builder finds a recipe, and what it must be. A reference small enough for any history. */
export interface UploadedRecipe {
  readonly digest: string;
  readonly key: string;
  readonly archiveSha256: string;
  readonly bytes: number;
}

/**
 * Puts an archive into the zone store under its digest, once. The store checks the bytes against the checksum.
 *
 * @throws {ZonewrightError} of type `Conflict` when another archive lies under the same digest
 */
export async function uploadRecipe(
  s3: Pick<S3Client, 'send'>,
  bucket: string,
  packed: Pick<PackedRecipe, 'digest' | 'archivePath' | 'archiveSha256' | 'bytes'>,
): Promise<UploadedRecipe> {
  const { digest, archiveSha256, bytes } = packed;
  const key = recipeKey(digest);
  const there = (await storedChecksum(s3, bucket, key)) ?? (await put(s3, bucket, key, packed));
  if (there !== archiveSha256) {
    throw new ZonewrightError(
      'Conflict',
      `Cannot upload recipe "${digest}": "${key}" holds other bytes (${there})`,
    );
  }
  return { digest, key, archiveSha256, bytes };
}

async function storedChecksum(
  s3: Pick<S3Client, 'send'>,
  bucket: string,
  key: string,
): Promise<string | undefined> {
  try {
    const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return head.Metadata?.['sha256'] ?? 'no checksum';
  } catch (error) {
    if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) return undefined;
    throw error;
  }
}

async function put(
  s3: Pick<S3Client, 'send'>,
  bucket: string,
  key: string,
  { archivePath, archiveSha256, bytes }: Pick<PackedRecipe, 'archivePath' | 'archiveSha256' | 'bytes'>,
): Promise<string> {
  try {
    await s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: createReadStream(archivePath),
        ContentLength: bytes,
        ContentType: 'application/gzip',
        ChecksumSHA256: Buffer.from(archiveSha256, 'hex').toString('base64'),
        Metadata: { sha256: archiveSha256 },
        IfNoneMatch: '*',
      }),
    );
    return archiveSha256;
  } catch (error) {
    // Somebody else put it in the meantime: look what it is.
    if (!(error instanceof S3ServiceException) || error.$metadata.httpStatusCode !== 412) throw error;
    return (await storedChecksum(s3, bucket, key)) ?? 'nothing';
  }
}
