import { machineCertificatesSchema, type MachineCertificates } from '../../domain/machine-config.ts';
import { authorityProfile, authorityProfiles, SERVICE_ACCOUNT_KEY } from '../../domain/pki/authorities.ts';
import type { CertificateProfile } from '../../domain/pki/profiles.ts';
import type { MachineFiles } from '../host/files.ts';
import { openSealed } from '../host/open-sealed.ts';
import { certificateFits, ensureKey, publicHalf, signingRequest } from '../host/key-pairs.ts';
import type { MachineStore } from '../host/store.ts';

/** A certificate that the machine lacks, and the key it shall be of. */
export interface Missing {
  readonly profile: CertificateProfile;
  readonly keyPem: string;
}

/** Makes the keys that are not there, and says which certificates are missing, of another key, or nearly expired. */
export async function ensureKeys(
  files: MachineFiles,
  domain: string,
  profiles: readonly CertificateProfile[],
): Promise<readonly Missing[]> {
  const missing: Missing[] = [];
  for (const profile of profiles) {
    if (profile.neededUntil !== undefined && files.read(profile.neededUntil) !== undefined) continue;
    const keyPem = await ensureKey(files, profile.path, profile.owner);
    const authority = files.read(authorityProfile(profile.authority, domain).path);
    if (!certificateFits(files.read(`${profile.path}.crt`), keyPem, authority))
      missing.push({ profile, keyPem });
  }
  return missing;
}

/**
 * The pair that signs service account tokens: opened from what came with the certificates, its public half published.
 * In a zone whose authorities do not keep it, which has one director, that makes it.
 */
export async function ensureServiceAccountKey(
  files: MachineFiles,
  store: MachineStore,
  sealedFor: CertificateProfile,
): Promise<void> {
  const { id, path, owner } = SERVICE_ACCOUNT_KEY;
  if (files.read(`${path}.key`) === undefined) {
    const sealed = (await readCertificates(store))?.serviceAccountKey;
    const opener = files.read(`${sealedFor.path}.key`) ?? '';
    if (sealed)
      files.write({ path: `${path}.key`, text: openSealed(sealed, id, opener), mode: 0o600, owner });
  }
  const publicKey = publicHalf(await ensureKey(files, path, owner));
  files.write({ path: `${path}.pub`, text: publicKey });
  await store.put(store.keys.serviceAccountPublicKey, publicKey);
}

export async function putRequests(store: MachineStore, missing: readonly Missing[]): Promise<void> {
  for (const { profile, keyPem } of missing) {
    await store.put(store.keys.request(profile.id), signingRequest(keyPem, profile.id));
  }
}

/** Ids of those that the document has no fitting certificate for: it may answer an earlier request. */
export function stillMissing(
  document: MachineCertificates | undefined,
  missing: readonly Missing[],
): readonly string[] {
  return missing
    .filter(
      ({ profile, keyPem }) =>
        !certificateFits(
          document?.certificates[profile.id],
          keyPem,
          document?.authorities[profile.authority],
        ),
    )
    .map(({ profile }) => profile.id);
}

export async function readCertificates(store: MachineStore): Promise<MachineCertificates | undefined> {
  const text = await store.get(store.keys.certificates);
  return text === undefined ? undefined : machineCertificatesSchema.parse(JSON.parse(text));
}

/** Writes what was signed and the authorities; returns whether anything changed. */
export function installCertificates(
  files: MachineFiles,
  domain: string,
  document: MachineCertificates,
  missing: readonly Missing[],
): boolean {
  const authorities = authorityProfiles(domain).map(({ id, path }) =>
    files.write({ path, text: document.authorities[id] }),
  );
  const certificates = missing.map(({ profile }) =>
    files.write({
      path: `${profile.path}.crt`,
      text: document.certificates[profile.id] ?? '',
      owner: profile.owner,
    }),
  );
  return [...authorities, ...certificates].includes(true);
}
