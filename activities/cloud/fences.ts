import type { S3Client } from '@aws-sdk/client-s3';
import { ZonewrightError } from '../../domain/errors.ts';
import { fenceKey, fenceSchema, isHigher, type Fence } from '../../domain/keeper/fence.ts';
import { parse } from '../../domain/parse.ts';
import { isAlreadyThere, isNotFound } from './cloud-errors.ts';
import { overSeen, putObject, readObject } from './objects.ts';

/** Reads the fence of a zone as it is now; never a remembered one. */
export type ReadFence = (zone: string, signal: AbortSignal) => Promise<Fence | undefined>;

export const parseFence = (text: string, zone: string): Fence =>
  parse(fenceSchema, JSON.parse(text), `fence "${fenceKey(zone)}"`);

export const fenceReader =
  (s3: S3Client, bucket: string): ReadFence =>
  async (zone, signal) => {
    const object = await readObject(s3, { bucket, key: fenceKey(zone) }, signal);
    return object && parseFence(object.text, zone);
  };

/**
 * Raises the fence of a zone; does nothing where it is as high already.
 *
 * @throws {ZonewrightError} `Conflict` when it is higher: whoever asks for this was too late
 */
export async function raiseFence(
  s3: S3Client,
  bucket: string,
  fence: Fence,
  signal: AbortSignal,
): Promise<void> {
  const name = { bucket, key: fenceKey(fence.zone) };
  for (;;) {
    const object = await readObject(s3, name, signal);
    const there = object && parseFence(object.text, fence.zone);
    if (there && isHigher(there, fence)) {
      throw new ZonewrightError(
        'Conflict',
        `Cannot raise the fence of zone "${fence.zone}" to ${fence.number}: "${there.operation}" has ${there.number}`,
      );
    }
    if (there && !isHigher(fence, there)) return;
    try {
      await putObject(s3, name, JSON.stringify(fence), overSeen(object?.etag), { signal });
      return;
    } catch (error) {
      // Somebody else raised it in between: looked at again.
      if (!isAlreadyThere(error) && !isNotFound(error)) throw error;
    }
  }
}

/** @throws {ZonewrightError} `Fenced` unless the zone's fence is the one that is carried, or there is none to carry */
export async function checkFence(
  readFence: ReadFence | undefined,
  fence: Fence | undefined,
  action: string,
  signal: AbortSignal,
): Promise<void> {
  if (fence === undefined) return;
  if (readFence === undefined) throw new TypeError(`Cannot ${action}: this worker cannot read fences`);
  const now = await readFence(fence.zone, signal);
  if (now && !isHigher(now, fence)) return;
  const holder = now ? `"${now.operation}" holds it since (fence ${now.number})` : 'its fence is gone';
  throw new ZonewrightError(
    'Fenced',
    `Cannot ${action}: "${fence.operation}" has lost its lease on zone "${fence.zone}" (fence ${fence.number}); ${holder}`,
    { details: { fence, now } },
  );
}
