import { Context } from '@temporalio/activity';
import { isDeepStrictEqual } from 'node:util';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import { isAlreadyThere, isNotFound } from '../cloud/cloud-errors.ts';
import type { Clients } from '../cloud/clients.ts';
import {
  deleteVersion,
  overSeen,
  putObject,
  readObject,
  versionsBelow,
  type ObjectName,
} from '../cloud/objects.ts';
import { asActivity } from '../failures.ts';
import type { CheckSettings } from './settings.ts';

/** What a history may carry. */
const MAX_BYTES = 32 * 1024;

export interface StorePut extends ObjectName {
  readonly content: unknown;
  /** The `versionId` that is written over; absent where there must be none yet. */
  readonly ifVersion?: string;
}

export interface StorePurge {
  readonly bucket: string;
  /** Never empty ones. */
  readonly prefixes: readonly [string, ...string[]];
}

export interface RecordWrite {
  readonly operation: string;
  readonly content: unknown;
  /** Which record of the operation; the first free one without it. */
  readonly number?: number;
}

/** Small JSON documents of the zone store. A version is opaque: it changes when the content does. */
export const storeChecks = (
  { s3 }: Pick<Clients, 's3'>,
  { bucket: zoneStore, pollMs }: Pick<CheckSettings, 'bucket' | 'pollMs'>,
) => {
  const read = (name: ObjectName) => readObject(s3, name, Context.current().cancellationSignal, MAX_BYTES);
  return {
    'store.read': asActivity('read from the zone store', async (name: ObjectName) => {
      const object = await read(name);
      return object && { content: json(object.text, name), versionId: object.etag };
    }),

    'store.version': asActivity('look into the zone store', async (name: ObjectName) => {
      const object = await readObject(s3, name, Context.current().cancellationSignal);
      return object ? { versionId: object.etag } : {};
    }),

    'store.wait': asActivity('wait for a document', async (name: ObjectName) => {
      const object = await read(name);
      if (!object) throw new NotYet(`waiting for "${name.bucket}/${name.key}"`, pollMs);
      return { content: json(object.text, name), versionId: object.etag };
    }),

    'store.put': asActivity('write to the zone store', (put: StorePut) => putOnce(s3, put)),

    /** Deletes every version of everything below the prefixes: what machines that are gone wrote about themselves. */
    'store.purge': asActivity('empty folders of the zone store', async (input: StorePurge) => {
      const signal = Context.current().cancellationSignal;
      if (input.prefixes.some((prefix) => !prefix.includes('/')))
        throw new ZonewrightError(
          'InvalidInput',
          `Cannot empty ${input.prefixes.map((prefix) => `"${prefix}"`).join(', ')} of "${input.bucket}": expected folders`,
        );
      const found = await Promise.all(
        input.prefixes.map((prefix) => versionsBelow(s3, input.bucket, prefix, signal)),
      );
      for (const { key, versionId } of found.flat()) {
        await deleteVersion(s3, { bucket: input.bucket, key }, versionId, signal);
      }
      return { deleted: found.flat().length };
    }),

    /** Written once: a second record of an operation has the next number. */
    'record.write': asActivity('write the record', async ({ operation, content, number }: RecordWrite) => {
      for (let n = number ?? 1; ; n++) {
        const name = { bucket: zoneStore, key: `operations/${operation}/${n}.json` };
        try {
          await putOnce(s3, { ...name, content });
          return { key: name.key };
        } catch (error) {
          const taken = error instanceof ZonewrightError && error.type === 'Conflict';
          if (!taken || number !== undefined) throw error;
        }
      }
    }),
  };
};

/**
 * Writes a document over the version that the caller knows. A repeat whose first attempt was written is no conflict.
 *
 * @throws {ZonewrightError} `Conflict` when somebody else wrote in between
 */
async function putOnce(
  s3: Clients['s3'],
  { content, ifVersion, ...name }: StorePut,
): Promise<{ versionId: string }> {
  const signal = Context.current().cancellationSignal;
  try {
    const { etag } = await putObject(s3, name, JSON.stringify(content), overSeen(ifVersion), { signal });
    return { versionId: etag };
  } catch (error) {
    // S3 answers 404 to a condition on an object that is gone.
    if (!isAlreadyThere(error) && !(ifVersion !== undefined && isNotFound(error))) throw error;
    const there = await readObject(s3, name, signal);
    if (there && isDeepStrictEqual(json(there.text, name), JSON.parse(JSON.stringify(content))))
      return { versionId: there.etag };
    throw new ZonewrightError(
      'Conflict',
      `Cannot write "${name.bucket}/${name.key}": somebody else ${there ? 'wrote' : 'deleted'} it in between`,
      { cause: error, details: { key: name.key, versionId: there?.etag } },
    );
  }
}

function json(text: string, { bucket, key }: ObjectName): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ZonewrightError('GateFailed', `Cannot read "${bucket}/${key}": expected JSON`, { cause });
  }
}
