import {
  machineCertificatesSchema,
  machineKeys,
  type MachineCertificates,
} from '../domain/machine-config.ts';
import { NotYet } from '../domain/errors.ts';
import { parse } from '../domain/parse.ts';
import { AUTHORITY_IDS, SERVICE_ACCOUNT_KEY } from '../domain/pki/authorities.ts';
import { machineFactsSchema } from '../domain/pki/facts.ts';
import { certificateProfiles, type CertificateProfile } from '../domain/pki/profiles.ts';
import type { PlanOf, RefOf } from '../domain/resources/index.ts';
import { openAuthority } from './cloud/authority-store.ts';
import type { Clients } from './cloud/clients.ts';
import {
  attemptOfObject,
  deleteVersion,
  objectsInScope,
  ownsObject,
  putObject,
  readObject,
  versionsBelow,
  type StoredObject,
} from './cloud/objects.ts';
import { differences, leftoverOf } from './cloud/tags.ts';
import type { Effect, EffectSettings } from './effect.ts';
import { serialFor } from './pki/authority.ts';
import { parseCertificate, type KeyPair } from './pki/certificate.ts';
import { sealForMachine } from './pki/seal-for-machine.ts';
import { signCsr } from './pki/sign-request.ts';
import type { StoreSettings } from './store-document.ts';

type Plan = PlanOf<'machine-certificates'>;
type Ref = RefOf<'machine-certificates'>;

/** Machines whose clock is behind must find their certificates valid. */
const CLOCK_SKEW_MS = 60_000;

/**
 * All certificates of a machine, put as one document. Signing the same requests again gives the same certificates, so
 * a second attempt writes what the first one wrote.
 */
export const machineCertificatesEffect = (
  clients: Pick<Clients, 's3' | 'kms'>,
  { bucket, pollMs }: StoreSettings & Pick<EffectSettings, 'pollMs'>,
): Effect<Plan, Ref> => ({
  async describe(plan, { owner, signal }) {
    const object = await readObject(clients.s3, resultName(plan), signal);
    if (!object) return [];
    const document = parse(machineCertificatesSchema, JSON.parse(object.text), resultName(plan).key);
    const planned = profilesOf(plan).map(({ id }) => id);
    return [
      {
        ref: refOf(plan, document),
        owned: ownsObject(owner, object),
        attempt: attemptOfObject(object),
        mismatch: differences({ certificates: [Object.keys(document.certificates), planned] }),
      },
    ];
  },

  async create(plan, { tags, signal }) {
    const requests = await readRequests(clients, plan, pollMs, signal);
    const authorities = await openAuthorities(clients, plan, signal);
    const document: MachineCertificates = {
      certificates: Object.fromEntries(
        requests.map(({ profile, csr }) => [
          profile.id,
          signOne(plan, profile, csr, authorities[profile.authority]),
        ]),
      ),
      authorities: Object.fromEntries(
        Object.entries(authorities).map(([id, { certificatePem }]) => [id, certificatePem]),
      ) as MachineCertificates['authorities'],
      ...(await serviceAccountKey(clients, plan, requests, signal)),
    };
    await putObject(
      clients.s3,
      resultName(plan),
      JSON.stringify(document),
      { ifNew: true },
      { tags, signal },
    );
    return refOf(plan, document);
  },

  /** With the requests that it answers. Reports and logs of the machine stay: they are evidence. */
  async remove(ref, plan, { signal }) {
    const from = plan?.bucket ?? bucket;
    const folder = ref.id.slice(0, ref.id.lastIndexOf('/') + 1);
    const versions = await versionsBelow(clients.s3, from, folder, signal);
    for (const { key, versionId } of versions) {
      if (key !== ref.id && !key.startsWith(`${folder}csr/`)) continue;
      await deleteVersion(clients.s3, { bucket: from, key }, versionId, signal);
    }
  },

  async leftovers(scope, { signal }) {
    const isResult = (key: string) => key.endsWith('/certificates.json');
    const mine = await objectsInScope(clients.s3, bucket, 'machines/', isResult, scope, signal);
    return mine.map(({ key, tags }) => leftoverOf({ id: key, serials: [] }, tags));
  },
});

const keysOf = ({ roleId, instanceId, storePrefix }: Plan) =>
  machineKeys(`${roleId}:${instanceId}`, storePrefix);

const resultName = (plan: Plan) => ({ bucket: plan.bucket, key: keysOf(plan).certificates });

const profilesOf = (plan: Plan): readonly CertificateProfile[] =>
  certificateProfiles(parse(machineFactsSchema, plan.facts, `the facts of machine "${plan.instanceId}"`));

const refOf = (plan: Plan, { certificates }: MachineCertificates): Ref => ({
  id: resultName(plan).key,
  serials: Object.values(certificates).map((pem) => parseCertificate(pem).serial),
});

interface Request {
  readonly profile: CertificateProfile;
  readonly csr: StoredObject;
}

/** Directors sign service account tokens with one key; none of them could be the only one to have it. */
async function serviceAccountKey(
  clients: Pick<Clients, 's3' | 'kms'>,
  plan: Plan,
  requests: readonly Request[],
  signal: AbortSignal,
): Promise<Pick<MachineCertificates, 'serviceAccountKey'>> {
  const { id, sealedFor } = SERVICE_ACCOUNT_KEY;
  const request = requests.find(({ profile }) => profile.id === sealedFor);
  if (plan.role !== 'director' || !request) return {};
  const place = { bucket: plan.bucket, prefix: plan.authorities, profile: id };
  const { keyPem } = await openAuthority(clients, place, signal);
  return { serviceAccountKey: sealForMachine(request.csr.text, id, keyPem) };
}

/** @throws {NotYet} naming the requests that the machine has not put yet */
async function readRequests(
  { s3 }: Pick<Clients, 's3'>,
  plan: Plan,
  pollMs: number,
  signal: AbortSignal,
): Promise<Request[]> {
  const keys = keysOf(plan);
  const profiles = profilesOf(plan);
  // One call says what is there; a machine that boots is asked for many times.
  const versions = await versionsBelow(s3, plan.bucket, `${keys.prefix}csr/`, signal);
  const there = new Set(versions.map(({ key }) => key));
  const read = await Promise.all(
    profiles.map(async (profile) => {
      const key = keys.request(profile.id);
      const name = { bucket: plan.bucket, key };
      return { profile, csr: there.has(key) ? await readObject(s3, name, signal, 16_384) : undefined };
    }),
  );
  const missing = read.filter(({ csr }) => csr === undefined).map(({ profile }) => profile.id);
  if (missing.length > 0) {
    throw new NotYet(
      `waiting for the signing requests ${missing.join(', ')} of instance "${plan.instanceId}"`,
      pollMs,
      { missing },
    );
  }
  return read.flatMap(({ profile, csr }) => (csr ? [{ profile, csr }] : []));
}

/** All of the zone: a machine is told of each of them. */
async function openAuthorities(
  clients: Pick<Clients, 's3' | 'kms'>,
  plan: Plan,
  signal: AbortSignal,
): Promise<Record<string, KeyPair>> {
  const pairs = await Promise.all(
    AUTHORITY_IDS.map(async (profile) => {
      const place = { bucket: plan.bucket, prefix: plan.authorities, profile };
      return [profile, await openAuthority(clients, place, signal)] as const;
    }),
  );
  return Object.fromEntries(pairs);
}

function signOne(plan: Plan, profile: CertificateProfile, csr: StoredObject, authority: KeyPair | undefined) {
  if (!authority)
    throw new RangeError(`Cannot sign "${profile.id}": authority "${profile.authority}" is not open`);
  return signCsr({
    csrPem: csr.text,
    profile,
    authority,
    // Both from the request, so that it is the same certificate in every attempt.
    notBefore: new Date(csr.modifiedAt.getTime() - CLOCK_SKEW_MS),
    serial: serialFor(plan.instanceId, profile.id, csr.text),
  });
}
