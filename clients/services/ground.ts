/** What a plan about services needs to know: read from the zone store, as the last operations left it. */
import { groundOf, type ServicesGround } from '../../domain/services/ground.ts';
import {
  servicesRecordKey,
  servicesRecordSchema,
  type ServicesRecord,
} from '../../domain/services/record.ts';
import { nearestWord } from '../../domain/spelling.ts';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import type { AwsClients } from '../aws.ts';
import { withAws } from '../aws.ts';
import type { ZonewrightContext } from '../contexts.ts';
import { ClientError, EXIT } from '../errors.ts';
import { readDocument } from '../zone-store.ts';
import { listManifests } from '../zones/manifests.ts';

/**
 * @param zone name or domain; the only active zone without it
 * @throws {ClientError} when there is no such zone, or it is not active
 */
export async function readGround(
  context: ZonewrightContext,
  zone: string | undefined,
): Promise<ServicesGround> {
  return withAws(context, async (aws) => {
    const { bucket } = context.store;
    const manifest = pick(await listManifests(aws, bucket), zone);
    return groundOf(manifest, await readRecord(aws, bucket, manifest.zone));
  });
}

/** Grounds of all active zones. */
export const readGrounds = (context: ZonewrightContext): Promise<ServicesGround[]> =>
  withAws(context, async (aws) => {
    const { bucket } = context.store;
    const manifests = (await listManifests(aws, bucket)).filter(({ state }) => state === 'active');
    return Promise.all(
      manifests.map(async (manifest) => groundOf(manifest, await readRecord(aws, bucket, manifest.zone))),
    );
  });

function pick(manifests: readonly ZoneManifest[], zone: string | undefined): ZoneManifest {
  const active = manifests.filter(({ state }) => state === 'active');
  const names = active.map((one) => one.zone);
  const known = names.length > 0 ? `one of ${names.join(', ')}` : 'an active zone; there is none';
  if (zone === undefined) {
    const [only, ...others] = active;
    if (only && others.length === 0) return only;
    throw new ClientError(EXIT.usage, 'Cannot tell which zone is meant', {
      expectation: `--zone with ${known}`,
    });
  }
  const found = manifests.find((one) => one.zone === zone || one.domain === zone);
  if (found?.state === 'active') return found;
  if (found)
    throw new ClientError(EXIT.refused, `Cannot use services of zone "${zone}": it is ${found.state}`);
  throw new ClientError(EXIT.usage, `Cannot find zone "${zone}"`, { expectation: known });
}

const readRecord = (
  aws: Pick<AwsClients, 's3'>,
  bucket: string,
  zone: string,
): Promise<ServicesRecord | undefined> =>
  readDocument(aws, { bucket, key: servicesRecordKey(zone) }, servicesRecordSchema, 'record');

/** @throws {ClientError} when there is no service of this name among `known` */
export function mustKnow<T>(known: Readonly<Record<string, T>>, service: string, where: string): T {
  const found = Object.hasOwn(known, service) ? known[service] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(known);
  const nearest = nearestWord(service, names);
  throw new ClientError(EXIT.usage, `Cannot find service "${service}" in ${where}`, {
    expectation:
      nearest !== undefined
        ? `did you mean "${nearest}"?`
        : names.length > 0
          ? `one of ${names.join(', ')}`
          : 'a service; there is none',
  });
}
