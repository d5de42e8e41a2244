import { bakePrefix, recipeKey } from '../domain/archive.ts';
import { BAKE_PY } from './python/bake.ts';
import { SESSION_PY } from './python/session.ts';
import { STORE_PY } from './python/store.ts';
import { compactPython, onceAfterCloudInit, renderCloudConfig } from './user-data.ts';

export interface BakeParameters {
  readonly bakeId: string;
  /** Tells the builders of one bake apart; absent: the builder's instance id. */
  readonly attempt?: string;
  readonly region: string;
  readonly bucket: string;
  readonly digest: string;
  /** SHA-256 of the archive's bytes. */
  readonly archiveSha256: string;
}

/**
 * User data of a builder: fetches the recipe with its role's credentials, installs it, streams its log to
 * `bakeLogKey`, leaves `bakeResultSchema` at `bakeResultKey`, cleans itself and powers off; also when it failed.
 */
export function bakeUserData(parameters: BakeParameters): string {
  const { bakeId, attempt, region, bucket, digest, archiveSha256 } = parameters;
  return renderCloudConfig(
    `bake "${bakeId}"`,
    onceAfterCloudInit('bake', compactPython(STORE_PY, SESSION_PY, BAKE_PY), {
      bakeId,
      region,
      bucket,
      digest,
      archiveSha256,
      recipeKey: recipeKey(digest),
      prefix: bakePrefix(bakeId),
      attempt,
    }),
  );
}
