import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { ZonewrightError } from '../../domain/errors.ts';
import { attemptOf, ownsByTags, TAG_PREFIX, type Owner } from '../../domain/resources/resource.ts';
import type { SweepScope } from '../effect.ts';
import { orAbsent, unlessGone } from './cloud-errors.ts';
import { allPages } from './pages.ts';
import { inScope } from './tags.ts';

export interface ObjectName {
  readonly bucket: string;
  readonly key: string;
}

export interface StoredObject {
  readonly text: string;
  /** Entity tag, which `If-Match` takes. */
  readonly etag: string;
  /** `null` where the bucket keeps no versions, as S3 itself calls it. */
  readonly versionId: string;
  readonly modifiedAt: Date;
  /** Owner tags that it was put with. */
  readonly tags: Readonly<Record<string, string>>;
}

type Tags = Readonly<Record<string, string>>;

/** S3 writes tags in a call of its own, metadata with the object; metadata is ASCII. */
export const metadataOf = (tags: Tags): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tags)
      .filter(([key]) => key.startsWith(TAG_PREFIX))
      .map(([key, value]) => [key.replace(':', '-'), encodeURIComponent(value)]),
  );

export const tagsOfMetadata = (metadata: Tags = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [key.replace('-', ':'), decodeURIComponent(value)]),
  );

export const ownsObject = (owner: Owner, object: Pick<StoredObject, 'tags'>): boolean =>
  ownsByTags(owner, object.tags);
export const attemptOfObject = (object: Pick<StoredObject, 'tags'>): number => attemptOf(object.tags);

/**
 * A small object as text, `undefined` when there is none.
 *
 * @throws {ZonewrightError} `GateFailed` when it is larger than `maxBytes`
 */
export async function readObject(
  s3: S3Client,
  { bucket: Bucket, key: Key }: ObjectName,
  signal: AbortSignal,
  maxBytes = 1_048_576,
): Promise<StoredObject | undefined> {
  const answer = await orAbsent(s3.send(new GetObjectCommand({ Bucket, Key }), { abortSignal: signal }));
  if (answer === undefined) return undefined;
  if ((answer.ContentLength ?? 0) > maxBytes) {
    await answer.Body?.transformToWebStream().cancel();
    throw new ZonewrightError(
      'GateFailed',
      `Cannot read "${Bucket}/${Key}": it has ${answer.ContentLength} bytes, expected at most ${maxBytes}`,
    );
  }
  return {
    text: (await answer.Body?.transformToString()) ?? '',
    etag: answer.ETag ?? '',
    versionId: answer.VersionId ?? 'null',
    modifiedAt: answer.LastModified ?? new Date(0),
    tags: tagsOfMetadata(answer.Metadata),
  };
}

/** S3 refuses to write over anything but what the caller saw: this ETag, or that there was nothing. */
export const overSeen = (etag: string | undefined): Condition =>
  etag === undefined ? { ifNew: true } : { ifMatch: etag };

type Condition = { readonly ifNew: true } | { readonly ifMatch: string };

/** Puts an object; with `ifNew` or `ifMatch` S3 refuses to write over what the caller has not seen. */
export async function putObject(
  s3: S3Client,
  { bucket: Bucket, key: Key }: ObjectName,
  text: string,
  condition: Condition | undefined,
  { signal, tags = {}, contentType = 'application/json' }: PutOptions,
): Promise<{ etag: string; versionId: string }> {
  const command = new PutObjectCommand({
    Bucket,
    Key,
    Body: Buffer.from(text),
    ContentType: contentType,
    Metadata: metadataOf(tags),
    ...(condition && 'ifNew' in condition ? { IfNoneMatch: '*' } : {}),
    ...(condition && 'ifMatch' in condition ? { IfMatch: condition.ifMatch } : {}),
  });
  const answer = await s3.send(command, { abortSignal: signal });
  return { etag: answer.ETag ?? '', versionId: answer.VersionId ?? 'null' };
}

export interface PutOptions {
  readonly signal: AbortSignal;
  readonly tags?: Tags;
  readonly contentType?: string;
}

/** Deletes one version for good, which leaves no marker. */
export async function deleteVersion(
  s3: S3Client,
  { bucket: Bucket, key: Key }: ObjectName,
  versionId: string,
  signal: AbortSignal,
): Promise<void> {
  const command = new DeleteObjectCommand({
    Bucket,
    Key,
    ...(versionId === 'null' ? {} : { VersionId: versionId }),
  });
  await unlessGone(s3.send(command, { abortSignal: signal }));
}

/** Every version of every object below a prefix; markers of deletions are none. */
export const versionsBelow = (s3: S3Client, Bucket: string, Prefix: string, signal: AbortSignal) =>
  allPages<{ key: string; versionId: string }>(async (marker) => {
    const [KeyMarker, VersionIdMarker] = marker?.split('\n') ?? [];
    const command = new ListObjectVersionsCommand({
      Bucket,
      Prefix,
      ...(KeyMarker ? { KeyMarker } : {}),
      ...(VersionIdMarker ? { VersionIdMarker } : {}),
    });
    const page = await s3.send(command, { abortSignal: signal });
    return {
      items: (page.Versions ?? []).map(({ Key = '', VersionId = 'null' }) => ({
        key: Key,
        versionId: VersionId,
      })),
      next: page.IsTruncated ? `${page.NextKeyMarker}\n${page.NextVersionIdMarker ?? ''}` : undefined,
    };
  });

export interface OwnedObject {
  readonly key: string;
  readonly versionId: string;
  readonly tags: Tags;
}

/** Versions of objects that an operation or zone put, as their metadata say, among those that `isWanted` names. */
export async function objectsInScope(
  s3: S3Client,
  bucket: string,
  prefix: string,
  isWanted: (key: string) => boolean,
  scope: SweepScope,
  signal: AbortSignal,
): Promise<OwnedObject[]> {
  const versions = (await versionsBelow(s3, bucket, prefix, signal)).filter(({ key }) => isWanted(key));
  const mine: OwnedObject[] = [];
  for (const { key, versionId } of versions) {
    const command = new HeadObjectCommand({
      Bucket: bucket,
      Key: key,
      ...(versionId === 'null' ? {} : { VersionId: versionId }),
    });
    const head = await orAbsent(s3.send(command, { abortSignal: signal }));
    const tags = tagsOfMetadata(head?.Metadata);
    if (inScope(scope, tags)) mine.push({ key, versionId, tags });
  }
  return mine;
}
