import type { S3Client } from '@aws-sdk/client-s3';
import { NotYet } from '../../domain/errors.ts';
import { caughtUp, leaseBookSchema, leasesKey, newBook, type LeaseBook } from '../../domain/keeper/leases.ts';
import { parse } from '../../domain/parse.ts';
import { isAlreadyThere, isNotFound } from './cloud-errors.ts';
import { fenceReader } from './fences.ts';
import { overSeen, putObject, readObject } from './objects.ts';

/** The book of a zone's leases as it is now; one that nothing is written in where there is none. */
export async function readBook(
  s3: S3Client,
  bucket: string,
  zone: string,
  signal: AbortSignal,
): Promise<{ readonly book: LeaseBook; readonly etag: string | undefined }> {
  const key = leasesKey(zone);
  // In this order: a fence that somebody raises in between belongs to a book that is then read, too.
  const fence = await fenceReader(s3, bucket)(zone, signal);
  const object = await readObject(s3, { bucket, key }, signal);
  const book = object
    ? parse(leaseBookSchema, JSON.parse(object.text), `leases "${key}"`)
    : newBook(zone, fence);
  return { book: caughtUp(book, fence), etag: object?.etag };
}

/** @throws {NotYet} when somebody else wrote in between: whoever writes must look again */
export async function writeBook(
  s3: S3Client,
  bucket: string,
  book: LeaseBook,
  etag: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const name = { bucket, key: leasesKey(book.zone) };
  try {
    await putObject(s3, name, JSON.stringify(book), overSeen(etag), { signal });
  } catch (error) {
    if (!isAlreadyThere(error) && !isNotFound(error)) throw error;
    throw new NotYet(`"${name.key}" was written by somebody else in between`, 100, {});
  }
}
