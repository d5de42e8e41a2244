import { CopyObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { ZonewrightError } from '../domain/errors.ts';
import { BUMP_METADATA, machineKeys } from '../domain/machine-config.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { orAbsent } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import {
  attemptOfObject,
  deleteVersion,
  metadataOf,
  objectsInScope,
  ownsObject,
  tagsOfMetadata,
} from './cloud/objects.ts';
import { differences, leftoverOf } from './cloud/tags.ts';
import type { Effect } from './effect.ts';
import type { StoreSettings } from './store-document.ts';

type Plan = PlanOf<'snapshot-copy'>;

const keyOf = ({ roleId, instanceId, storePrefix }: Plan): string =>
  machineKeys(`${roleId}:${instanceId}`, storePrefix).snapshot;

/** S3 copies by itself, hashing the whole: what it says of the copy must be what was proven. */
export const snapshotCopyEffect = (
  { s3 }: Pick<Clients, 's3'>,
  { bucket: store }: StoreSettings,
): Effect<Plan, RefOf<'snapshot-copy'>> => ({
  async describe(plan, { owner, signal }) {
    const Key = keyOf(plan);
    const command = new HeadObjectCommand({ Bucket: plan.bucket, Key, ChecksumMode: 'ENABLED' });
    const head = await orAbsent(s3.send(command, { abortSignal: signal }));
    if (head === undefined) return [];
    const tags = tagsOfMetadata(head.Metadata);
    return [
      {
        ref: { id: Key, versionId: head.VersionId ?? 'null' },
        owned: ownsObject(owner, { tags }),
        attempt: attemptOfObject({ tags }),
        mismatch: differences({
          'SHA-256': [hex(head.ChecksumSHA256), plan.sha256],
          bump: [head.Metadata?.[BUMP_METADATA], String(plan.bumpRevision)],
        }),
      },
    ];
  },

  async create(plan, { tags, signal }) {
    const { bucket, from, sha256 } = plan;
    const Key = keyOf(plan);
    const command = new CopyObjectCommand({
      Bucket: bucket,
      Key,
      CopySource: `${bucket}/${encodeURIComponent(from.key)}${from.versionId === 'null' ? '' : `?versionId=${from.versionId}`}`,
      ChecksumAlgorithm: 'SHA256',
      MetadataDirective: 'REPLACE',
      Metadata: { ...metadataOf(tags), [BUMP_METADATA]: String(plan.bumpRevision) },
    });
    const { CopyObjectResult, VersionId = 'null' } = await s3.send(command, { abortSignal: signal });
    const copied = hex(CopyObjectResult?.ChecksumSHA256);
    if (copied === sha256) return { id: Key, versionId: VersionId };
    await deleteVersion(s3, { bucket, key: Key }, VersionId, signal);
    throw new ZonewrightError(
      'GateFailed',
      `Version ${from.versionId} of "${from.key}" has SHA-256 ${copied || 'unknown'}, expected ${sha256}`,
    );
  },

  async remove({ id, versionId }, plan, { signal }) {
    await deleteVersion(s3, { bucket: plan?.bucket ?? store, key: id }, versionId, signal);
  },

  async leftovers(scope, { signal }) {
    const isCopy = (key: string) => key.endsWith('/restore.db');
    const mine = await objectsInScope(s3, store, 'machines/', isCopy, scope, signal);
    return mine.map(({ key, versionId, tags }) => leftoverOf({ id: key, versionId }, tags));
  },
});

const hex = (base64 = ''): string => Buffer.from(base64, 'base64').toString('hex');
