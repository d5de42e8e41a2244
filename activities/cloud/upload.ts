import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
  type UploadPartCommandInput,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ZonewrightError } from '../../domain/errors.ts';
import { fromCloudError, unlessGone } from './cloud-errors.ts';
import type { ObjectName } from './objects.ts';
import { allPages } from './pages.ts';
import { given } from './tags.ts';

export interface UploadOptions {
  readonly signal: AbortSignal;
  /** Called as bytes arrive. */
  readonly onBytes?: (total: number) => void;
  /** Bytes of a part; S3 takes at least 5 MiB but for the last, and at most 10,000 parts. */
  readonly partBytes?: number;
}

export interface Uploaded {
  readonly versionId: string;
  readonly bytes: number;
  /** Of the whole object, hexadecimal. */
  readonly sha256: string;
  /** As S3 says it of an object in parts: `<base64>-<parts>`. */
  readonly partsSha256: string;
}

const PART_BYTES = 8 * 1024 * 1024;
const MAX_PARTS = 10_000;
/** Parts on their way at the same time; with the one that fills, this bounds the memory. */
const IN_FLIGHT = 3;
const TRIES = 4;

/**
 * Puts a stream as one new object, in parts and in constant memory: what S3 has not taken yet holds the source back.
 * What S3 says of the version that it made must be what was sent.
 *
 * @throws {ZonewrightError} `GateFailed` when S3 has something else, or when the stream was empty
 */
export async function uploadStream(
  s3: S3Client,
  name: ObjectName,
  source: AsyncIterable<Uint8Array>,
  options: UploadOptions,
): Promise<Uploaded> {
  const { bucket: Bucket, key: Key } = name;
  const { signal } = options;
  const begin = new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'SHA256' });
  const { UploadId } = await s3.send(begin, { abortSignal: signal });
  const upload = { Bucket, Key, UploadId: given(UploadId, 'UploadId') };
  try {
    const sent = await sendParts(s3, upload, source, options);
    const complete = new CompleteMultipartUploadCommand({
      ...upload,
      IfNoneMatch: '*',
      MultipartUpload: { Parts: [...sent.parts] },
    });
    const { VersionId = 'null' } = await s3.send(complete, { abortSignal: signal });
    const { bytes, sha256, partsSha256 } = sent;
    await compareStored(s3, { ...name, versionId: VersionId }, { bytes, partsSha256 }, signal);
    return { versionId: VersionId, bytes, sha256, partsSha256 };
  } catch (error) {
    await s3.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined); // the next attempt finds it
    throw error;
  }
}

interface Upload {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string;
}

async function sendParts(
  s3: S3Client,
  upload: Upload,
  source: AsyncIterable<Uint8Array>,
  { signal, onBytes, partBytes = PART_BYTES }: UploadOptions,
) {
  const whole = createHash('sha256');
  const parts = new Parts(s3, upload, signal);
  let bytes = 0;
  let buffer = Buffer.allocUnsafe(partBytes);
  let filled = 0;
  try {
    for await (const chunk of source) {
      signal.throwIfAborted();
      whole.update(chunk);
      bytes += chunk.length;
      for (let from = 0; from < chunk.length;) {
        const length = Math.min(partBytes - filled, chunk.length - from);
        buffer.set(chunk.subarray(from, from + length), filled);
        from += length;
        filled += length;
        if (filled < partBytes) continue;
        await parts.send(buffer, partBytes);
        buffer = parts.free() ?? Buffer.allocUnsafe(partBytes);
        filled = 0;
      }
      onBytes?.(bytes);
    }
    if (bytes === 0)
      throw new ZonewrightError('GateFailed', `Cannot store "${upload.Key}": there is nothing in it`);
    if (filled > 0) await parts.send(buffer, filled);
  } finally {
    await parts.settled();
  }
  return { ...parts.completed(), bytes, sha256: whole.digest('hex') };
}

/** Parts on their way: a few at the same time, their memory used again. */
class Parts {
  readonly #s3: S3Client;
  readonly #upload: Upload;
  readonly #signal: AbortSignal;
  readonly #parts: CompletedPart[] = [];
  readonly #digests: Buffer[] = [];
  readonly #free: Buffer<ArrayBuffer>[] = [];
  readonly #flying = new Set<Promise<void>>();
  #launched = 0;
  #failure: Error | undefined;

  constructor(s3: S3Client, upload: Upload, signal: AbortSignal) {
    this.#s3 = s3;
    this.#upload = upload;
    this.#signal = signal;
  }

  /** Memory of a part that has been sent. */
  free(): Buffer<ArrayBuffer> | undefined {
    return this.#free.pop();
  }

  /** Takes the memory over, and returns once there is room for another part. */
  async send(buffer: Buffer<ArrayBuffer>, bytes: number): Promise<void> {
    const at = this.#launched++;
    if (at >= MAX_PARTS)
      throw new ZonewrightError(
        'GateFailed',
        `Cannot store "${this.#upload.Key}": it has more than ${MAX_PARTS} parts of ${buffer.length} bytes`,
      );
    const task: Promise<void> = this.#send(buffer, bytes, at)
      .catch((error: Error) => void (this.#failure ??= error))
      .finally(() => this.#flying.delete(task));
    this.#flying.add(task);
    if (this.#flying.size >= IN_FLIGHT) await Promise.race(this.#flying);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #send(buffer: Buffer<ArrayBuffer>, bytes: number, at: number): Promise<void> {
    const body = buffer.subarray(0, bytes);
    const digest = createHash('sha256').update(body).digest();
    this.#digests[at] = digest;
    const part = {
      ...this.#upload,
      PartNumber: at + 1,
      Body: body,
      ChecksumSHA256: digest.toString('base64'),
    };
    this.#parts[at] = await sendPart(this.#s3, part, this.#signal);
    this.#free.push(buffer);
  }

  /** Waits until nothing is on its way any more. */
  settled(): Promise<unknown> {
    return Promise.allSettled(this.#flying);
  }

  /** @throws {Error} what a part failed with */
  completed(): { readonly parts: readonly CompletedPart[]; readonly partsSha256: string } {
    if (this.#failure !== undefined) throw this.#failure;
    const digest = createHash('sha256').update(Buffer.concat(this.#digests)).digest('base64');
    return { parts: this.#parts, partsSha256: `${digest}-${this.#parts.length}` };
  }
}

/** A part is in memory still, so that a throttle or a lost connection costs one part and not the whole stream. */
async function sendPart(
  s3: S3Client,
  part: UploadPartCommandInput,
  signal: AbortSignal,
): Promise<CompletedPart> {
  for (let tried = 1; ; tried++) {
    try {
      const { ETag } = await s3.send(new UploadPartCommand(part), { abortSignal: signal });
      return { PartNumber: part.PartNumber, ETag, ChecksumSHA256: part.ChecksumSHA256 };
    } catch (error) {
      const mayPass = fromCloudError('upload a part', error)?.type === 'CloudUnavailable';
      if (!mayPass || tried === TRIES || signal.aborted) throw error;
      await sleep(250 * 2 ** tried, undefined, { signal });
    }
  }
}

async function compareStored(
  s3: S3Client,
  { bucket: Bucket, key: Key, versionId }: ObjectName & { readonly versionId: string },
  sent: Pick<Uploaded, 'bytes' | 'partsSha256'>,
  signal: AbortSignal,
): Promise<void> {
  const command = new HeadObjectCommand({
    Bucket,
    Key,
    ChecksumMode: 'ENABLED',
    ...(versionId === 'null' ? {} : { VersionId: versionId }),
  });
  const { ContentLength, ChecksumSHA256 = '' } = await s3.send(command, { abortSignal: signal });
  // Some answer without the number of parts.
  const [stored] = ChecksumSHA256.split('-');
  const [expected] = sent.partsSha256.split('-');
  if (ContentLength === sent.bytes && stored === expected) return;
  throw new ZonewrightError(
    'GateFailed',
    `S3 has something else at version ${versionId} of "${Bucket}/${Key}": ${ContentLength} bytes of ${ChecksumSHA256 || 'no SHA-256'}, sent were ${sent.bytes} of ${sent.partsSha256}`,
  );
}

/** Ends every upload below a prefix that was begun and never completed; returns how many there were. */
export async function abortUploads(
  s3: S3Client,
  Bucket: string,
  Prefix: string,
  signal: AbortSignal,
): Promise<number> {
  const uploads = await allPages<{ Key: string; UploadId: string }>(async (marker) => {
    const [KeyMarker, UploadIdMarker] = marker?.split('\n') ?? [];
    const command = new ListMultipartUploadsCommand({
      Bucket,
      Prefix,
      ...(KeyMarker ? { KeyMarker } : {}),
      ...(UploadIdMarker ? { UploadIdMarker } : {}),
    });
    const page = await s3.send(command, { abortSignal: signal });
    return {
      items: (page.Uploads ?? []).map(({ Key = '', UploadId = '' }) => ({ Key, UploadId })),
      next: page.IsTruncated ? `${page.NextKeyMarker}\n${page.NextUploadIdMarker ?? ''}` : undefined,
    };
  });
  for (const upload of uploads) {
    await unlessGone(
      s3.send(new AbortMultipartUploadCommand({ Bucket, ...upload }), { abortSignal: signal }),
    );
  }
  return uploads.length;
}
