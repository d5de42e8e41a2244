/** Reads the manifests of an environment's zones from the zone store. */
import { manifestKey, zoneManifestSchema } from '../../domain/zone/manifest.ts';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import type { AwsClients } from '../aws.ts';
import { listFolders, readDocument } from '../zone-store.ts';

/** Manifest of the zone `zone03`; undefined where there never was one. */
export const readManifest = (
  aws: Pick<AwsClients, 's3'>,
  bucket: string,
  zone: string,
): Promise<ZoneManifest | undefined> =>
  readDocument(aws, { bucket, key: manifestKey(zone) }, zoneManifestSchema, 'manifest');

/** Manifests of all zones, destroyed ones included, in the order of their names. */
export async function listManifests(aws: Pick<AwsClients, 's3'>, bucket: string): Promise<ZoneManifest[]> {
  const zones = await listFolders(aws, bucket, 'zones/');
  const manifests = await Promise.all(zones.map((zone) => readManifest(aws, bucket, zone)));
  return manifests.filter((manifest) => manifest !== undefined);
}
