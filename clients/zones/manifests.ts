/** Reads the manifests of an environment's zones from the zone store. */
import { GetObjectCommand, ListObjectsV2Command, NoSuchKey } from '@aws-sdk/client-s3';
import { parse } from '../../domain/parse.ts';
import { manifestKey, zoneManifestSchema } from '../../domain/zone/manifest.ts';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import type { AwsClients } from '../aws.ts';

/** Manifest of the zone `zone03`; undefined where there never was one. */
export async function readManifest(
  { s3 }: Pick<AwsClients, 's3'>,
  bucket: string,
  zone: string,
): Promise<ZoneManifest | undefined> {
  const Key = manifestKey(zone);
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
    const text = (await Body?.transformToString()) ?? '';
    return parse(zoneManifestSchema, JSON.parse(text), `manifest "${bucket}/${Key}"`);
  } catch (error) {
    if (error instanceof NoSuchKey) return undefined;
    throw error;
  }
}

/** Manifests of all zones, destroyed ones included, in the order of their names. */
export async function listManifests(aws: Pick<AwsClients, 's3'>, bucket: string): Promise<ZoneManifest[]> {
  const zones: string[] = [];
  for (let token: string | undefined; ;) {
    const page = await aws.s3.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: 'zones/',
        Delimiter: '/',
        ContinuationToken: token,
      }),
    );
    for (const { Prefix = '' } of page.CommonPrefixes ?? []) zones.push(Prefix.slice('zones/'.length, -1));
    token = page.NextContinuationToken;
    if (token === undefined) break;
  }
  const manifests = await Promise.all(zones.map((zone) => readManifest(aws, bucket, zone)));
  return manifests.filter((manifest) => manifest !== undefined);
}
