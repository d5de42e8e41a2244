import { isDeepStrictEqual } from 'node:util';
import { isOfBackup } from '../domain/etcd/backup.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import type { Clients } from './cloud/clients.ts';
import {
  attemptOfObject,
  deleteVersion,
  objectsInScope,
  ownsObject,
  putObject,
  readObject,
} from './cloud/objects.ts';
import { leftoverOf } from './cloud/tags.ts';
import type { Effect } from './effect.ts';

/** Where sweeps look, since an effect's leftovers are asked for without a plan. */
export interface StoreSettings {
  /** The zone store. */
  readonly bucket: string;
}

/** Its metadata say which step put it. */
export const storeDocumentEffect = (
  { s3 }: Pick<Clients, 's3'>,
  { bucket }: StoreSettings,
): Effect<PlanOf<'store-document'>, RefOf<'store-document'>> => ({
  async describe(plan, { owner, signal }) {
    const object = await readObject(s3, plan, signal);
    if (!object) return [];
    return [
      {
        ref: { id: plan.key, versionId: object.versionId },
        owned: ownsObject(owner, object),
        attempt: attemptOfObject(object),
        mismatch: holds(object.text, plan.content) ? [] : ['its content is not as planned'],
      },
    ];
  },

  async create(plan, { tags, signal }) {
    const text = JSON.stringify(plan.content);
    const { versionId } = await putObject(s3, plan, text, { ifNew: true }, { tags, signal });
    return { id: plan.key, versionId };
  },

  async remove(ref, plan, { signal }) {
    await deleteVersion(s3, { bucket: plan?.bucket ?? bucket, key: ref.id }, ref.versionId, signal);
  },

  async leftovers(scope, { signal }) {
    const prefix = 'zone' in scope ? `zones/${scope.zone}/` : 'zones/';
    const isDocument = (key: string) => key.endsWith('.json') && !isOfBackup(key);
    const mine = await objectsInScope(s3, bucket, prefix, isDocument, scope, signal);
    return mine.map(({ key, versionId, tags }) => leftoverOf({ id: key, versionId }, tags));
  },
});

function holds(text: string, content: unknown): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(text), JSON.parse(JSON.stringify(content)));
  } catch {
    return false;
  }
}
