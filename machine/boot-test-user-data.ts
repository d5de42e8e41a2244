import { bootTestPrefix } from '../domain/archive.ts';
import type { Recipe } from '../domain/recipe.ts';
import { BOOT_TEST_PY } from './python/boot-test.ts';
import { SESSION_PY } from './python/session.ts';
import { STORE_PY } from './python/store.ts';
import { compactPython, onceAfterCloudInit, renderCloudConfig } from './user-data.ts';

export interface BootTestParameters {
  readonly bakeId: string;
  readonly region: string;
  readonly bucket: string;
  readonly digest: string;
  readonly test: Recipe['test'];
}

/**
 * User data of a machine that tries a new image: the recipe's tests, its files by checksum, and that it is nobody's
 * twin (fresh machine-id, host keys and cloud-init state). Leaves `bootTestResultSchema` and powers off.
 */
export function bootTestUserData({ bakeId, region, bucket, digest, test }: BootTestParameters): string {
  return renderCloudConfig(
    `boot test of "${bakeId}"`,
    onceAfterCloudInit('boot-test', compactPython(STORE_PY, SESSION_PY, BOOT_TEST_PY), {
      region,
      bucket,
      digest,
      logPrefix: bootTestPrefix(bakeId),
      test,
    }),
  );
}
