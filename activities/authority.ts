import { parse } from '../domain/parse.ts';
import {
  AUTHORITY_IDS,
  authorityProfile,
  SERVICE_ACCOUNT_KEY,
  type AuthorityId,
} from '../domain/pki/authorities.ts';
import { ZonewrightError } from '../domain/errors.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { authorityObjects, placeOf, readAuthority, sealedKeySchema } from './cloud/authority-store.ts';
import { isAlreadyThere } from './cloud/cloud-errors.ts';
import type { Clients } from './cloud/clients.ts';
import {
  attemptOfObject,
  deleteVersion,
  objectsInScope,
  ownsObject,
  putObject,
  versionsBelow,
} from './cloud/objects.ts';
import { seal } from './cloud/sealing.ts';
import { leftoverOf } from './cloud/tags.ts';
import type { Effect } from './effect.ts';
import { createAuthority } from './pki/authority.ts';
import { parseCertificate } from './pki/certificate.ts';
import type { StoreSettings } from './store-document.ts';

type Plan = PlanOf<'authority'>;
type Ref = RefOf<'authority'>;

/**
 * Key and certificate are put as one object, the sealed key; `complete` copies the certificate to where all may read
 * it. A certificate whose key is missing is refused: a new key would cut off whatever trusts the old one.
 */
export const authorityEffect = (
  { s3, kms }: Pick<Clients, 's3' | 'kms'>,
  { bucket }: StoreSettings,
): Effect<Plan, Ref> => ({
  async describe(plan, { owner, signal }) {
    const { certificate, sealedKey } = await readAuthority(s3, plan, signal);
    const object = sealedKey ?? certificate;
    if (!object) return [];
    const pem = sealedKey ? certificateIn(sealedKey.text, plan) : object.text;
    const mismatch = [
      ...(sealedKey ? [] : ['its certificate exists, its key does not']),
      ...(certificate && certificate.text !== pem ? ['its certificate is not that of its key'] : []),
    ];
    return [
      { ref: refOf(plan, pem), owned: ownsObject(owner, object), attempt: attemptOfObject(object), mismatch },
    ];
  },

  async create(plan, { tags, signal }) {
    const { commonName, organization, lifetimeDays } = profileOf(plan);
    const pair = await createAuthority({ commonName, organization }, lifetimeDays);
    const name = authorityObjects(plan).sealedKey;
    const content = {
      certificate: pair.certificatePem,
      key: await seal(kms, pair.keyPem, placeOf(name), signal),
    };
    await putObject(s3, name, JSON.stringify(content), { ifNew: true }, { tags, signal });
    return refOf(plan, pair.certificatePem);
  },

  async complete(ref, plan, { tags, signal }) {
    const { certificate, sealedKey } = await readAuthority(s3, plan, signal);
    if (certificate || !sealedKey) return ref;
    const name = authorityObjects(plan).certificate;
    const options = { tags, signal, contentType: 'application/x-pem-file' };
    try {
      await putObject(s3, name, certificateIn(sealedKey.text, plan), { ifNew: true }, options);
    } catch (error) {
      if (!isAlreadyThere(error)) throw error;
    }
    return ref;
  },

  /** The certificate first: what is left by a crash is then complete enough to be found again. */
  async remove(ref, plan, { signal }) {
    const from = plan?.bucket ?? bucket;
    const folder = folderOf(ref.id);
    const versions = await versionsBelow(s3, from, folder, signal);
    for (const { key, versionId } of versions.toSorted((a, b) => a.key.localeCompare(b.key))) {
      await deleteVersion(s3, { bucket: from, key }, versionId, signal);
    }
  },

  async leftovers(scope, { signal }) {
    const prefix = 'zone' in scope ? `zones/${scope.zone}/` : 'zones/';
    const isAuthority = (key: string) => /\/pki\/[^/]+\/(certificate\.pem|key\.sealed)$/.test(key);
    const mine = await objectsInScope(s3, bucket, prefix, isAuthority, scope, signal);
    const folders = new Map(mine.map(({ key, tags }) => [folderOf(key), tags]));
    return [...folders].map(([folder, tags]) =>
      leftoverOf({ id: `${folder}certificate.pem`, fingerprint: '' }, tags),
    );
  },
});

const folderOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 1);

const refOf = (plan: Plan, pem: string): Ref => ({
  id: authorityObjects(plan).certificate.key,
  fingerprint: parseCertificate(pem).fingerprint,
});

const certificateIn = (text: string, plan: Plan): string =>
  parse(sealedKeySchema, JSON.parse(text), authorityObjects(plan).sealedKey.key).certificate;

function profileOf({ profile, zone }: Plan) {
  const isAuthority = (id: string): id is AuthorityId => (AUTHORITY_IDS as readonly string[]).includes(id);
  if (isAuthority(profile)) return authorityProfile(profile, zone);
  if (profile === SERVICE_ACCOUNT_KEY.id)
    return { ...authorityProfile('kubernetes', zone), commonName: SERVICE_ACCOUNT_KEY.id };
  throw new ZonewrightError(
    'CloudRefused',
    `Cannot make authority "${profile}": expected one of ${[...AUTHORITY_IDS, SERVICE_ACCOUNT_KEY.id].join(', ')}`,
  );
}
