import { z } from 'zod';
import { ZonewrightError } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { existingPair, type KeyPair } from '../pki/certificate.ts';
import type { Clients } from './clients.ts';
import { readObject, type ObjectName, type StoredObject } from './objects.ts';
import { sealedSchema, unseal } from './sealing.ts';

/** Where an authority lies: `<prefix>/<profile>/certificate.pem`, and its sealed key beside it. */
export interface AuthorityPlace {
  readonly bucket: string;
  readonly prefix: string;
  readonly profile: string;
}

export const authorityObjects = ({ bucket, prefix, profile }: AuthorityPlace) => ({
  certificate: { bucket, key: `${prefix}/${profile}/certificate.pem` },
  sealedKey: { bucket, key: `${prefix}/${profile}/key.sealed` },
});

/** What a key is sealed for. */
export const placeOf = ({ bucket, key }: ObjectName): string => `${bucket}/${key}`;

/** The sealed key carries its certificate, so that one write decides and a crash between two can be completed. */
export const sealedKeySchema = z.strictObject({ certificate: z.string(), key: sealedSchema });

export interface StoredAuthority {
  readonly certificate: StoredObject | undefined;
  readonly sealedKey: StoredObject | undefined;
}

export async function readAuthority(
  s3: Clients['s3'],
  place: AuthorityPlace,
  signal: AbortSignal,
): Promise<StoredAuthority> {
  const names = authorityObjects(place);
  const [certificate, sealedKey] = await Promise.all([
    readObject(s3, names.certificate, signal),
    readObject(s3, names.sealedKey, signal),
  ]);
  return { certificate, sealedKey };
}

/**
 * An authority with its key, to sign with.
 *
 * @throws {ZonewrightError} `GateFailed` when there is none, `ForeignResource` when it is half a pair
 */
export async function openAuthority(
  { s3, kms }: Pick<Clients, 's3' | 'kms'>,
  place: AuthorityPlace,
  signal: AbortSignal,
): Promise<KeyPair> {
  const { certificate, sealedKey } = await readAuthority(s3, place, signal);
  const name = authorityObjects(place).sealedKey;
  const keyPem =
    sealedKey &&
    (await unseal(
      kms,
      parse(sealedKeySchema, JSON.parse(sealedKey.text), name.key).key,
      placeOf(name),
      signal,
    ));
  const pair = existingPair(`authority "${place.prefix}/${place.profile}"`, certificate?.text, keyPem);
  if (pair) return pair;
  throw new ZonewrightError(
    'GateFailed',
    `Cannot sign with authority "${place.prefix}/${place.profile}": it does not exist`,
  );
}
