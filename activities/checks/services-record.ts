import { Context } from '@temporalio/activity';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { currentRecord, groundOf, type ServicesGround } from '../../domain/services/ground.ts';
import {
  servicesRecordKey,
  servicesRecordSchema,
  type RecordedService,
  type ServicesRecord,
} from '../../domain/services/record.ts';
import { manifestKey, zoneManifestSchema } from '../../domain/zone/manifest.ts';
import { isAlreadyThere } from '../cloud/cloud-errors.ts';
import type { Clients } from '../cloud/clients.ts';
import { overSeen, putObject, readObject } from '../cloud/objects.ts';
import { asActivity } from '../failures.ts';

export interface ServicesName {
  readonly bucket: string;
  readonly zone: string;
}

export interface ServicesNote extends ServicesName {
  readonly at: string;
  /** What is now so; `null` for a service that is no more. */
  readonly services: Readonly<Record<string, RecordedService | null>>;
}

/** The record of a zone's services: for people and plans; what runs is what the zone itself says. */
export const servicesRecordChecks = ({ s3 }: Pick<Clients, 's3'>) => {
  const readManifest = async ({ bucket, zone }: ServicesName) => {
    const key = manifestKey(zone);
    const found = await readObject(s3, { bucket, key }, Context.current().cancellationSignal);
    if (!found) throw new ZonewrightError('InvalidInput', `Cannot find zone "${zone}": it has no manifest`);
    return parse(zoneManifestSchema, JSON.parse(found.text), `manifest "${key}"`);
  };
  const readRecord = async ({ bucket, zone }: ServicesName) => {
    const key = servicesRecordKey(zone);
    const found = await readObject(s3, { bucket, key }, Context.current().cancellationSignal);
    return (
      found && {
        record: parse(servicesRecordSchema, JSON.parse(found.text), `record "${key}"`),
        etag: found.etag,
      }
    );
  };
  return {
    /** What plans about services need of their zone; of the recorded ones those that are asked for, or all. */
    'services.ground': asActivity(
      'read what a zone has',
      async ({ service, ...name }: ServicesName & { readonly service?: string }): Promise<ServicesGround> => {
        const manifest = await readManifest(name);
        if (manifest.state !== 'active')
          throw new ZonewrightError(
            'Conflict',
            `Cannot change services of "${name.zone}": it is ${manifest.state}`,
          );
        const ground = groundOf(manifest, (await readRecord(name))?.record);
        if (service === undefined) return ground;
        const recorded = ground.recorded[service];
        return { ...ground, recorded: recorded === undefined ? {} : { [service]: recorded } };
      },
    ),

    'services.note': asActivity('write what a zone has', async ({ at, services, ...name }: ServicesNote) => {
      const manifest = await readManifest(name);
      const there = await readRecord(name);
      const current = currentRecord(manifest, there?.record);
      const next: ServicesRecord = { ...current, updatedAt: at, services: noted(current.services, services) };
      const key = { bucket: name.bucket, key: servicesRecordKey(name.zone) };
      try {
        await putObject(s3, key, JSON.stringify(next), overSeen(there?.etag), {
          signal: Context.current().cancellationSignal,
        });
      } catch (error) {
        // An earlier attempt that was not answered, or another operation's: read again and write on.
        if (isAlreadyThere(error)) throw new NotYet(`writing "${key.key}" again: it changed meanwhile`, 500);
        throw error;
      }
    }),
  };
};

const noted = (
  services: ServicesRecord['services'],
  changes: ServicesNote['services'],
): ServicesRecord['services'] => {
  const all: Record<string, RecordedService | null> = { ...services, ...changes };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, RecordedService] => entry[1] !== null),
  );
};
