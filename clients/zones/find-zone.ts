import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import { withAws } from '../aws.ts';
import { loadContext } from '../contexts.ts';
import { ClientError, EXIT } from '../errors.ts';
import { listManifests } from './manifests.ts';

/**
 * The manifest of a zone, by its name or its domain.
 *
 * @throws {ClientError} when there is no such zone
 */
export async function findZone(zone: string): Promise<ZoneManifest> {
  const context = loadContext();
  const manifests = await withAws(context, (aws) => listManifests(aws, context.store.bucket));
  const found = manifests.find((one) => one.zone === zone || one.domain === zone);
  if (found !== undefined) return found;
  const known = manifests.filter(({ state }) => state !== 'destroyed').map((one) => one.zone);
  throw new ClientError(EXIT.usage, `Cannot find zone "${zone}" in "${context.environment.domain}"`, {
    expectation: known.length > 0 ? `one of ${known.join(', ')}` : 'a zone that exists; there is none yet',
  });
}
