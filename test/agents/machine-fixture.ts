/** A machine without a machine: its files in a temporary folder, its prefix in memory, its signer beside it. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, newSerial } from '../../activities/pki/authority.ts';
import type { KeyPair } from '../../activities/pki/certificate.ts';
import { signCsr } from '../../activities/pki/sign-request.ts';
import { MachineFiles } from '../../agents/host/files.ts';
import type { NodeFacts } from '../../agents/host/metadata.ts';
import type { MachineStore } from '../../agents/host/store.ts';
import {
  BUMP_METADATA,
  machineKeys,
  type MachineCertificates,
  type MachineConfigInput,
} from '../../domain/machine-config.ts';
import { AUTHORITY_IDS, authorityProfile, type AuthorityId } from '../../domain/pki/authorities.ts';
import type { MachineRole } from '../../domain/pki/facts.ts';
import { certificateProfiles } from '../../domain/pki/profiles.ts';

export const DOMAIN = 'zone03.prod.example.com';
export const SERVICE_CIDR = '10.96.0.0/16';

export const machineConfig = (role: MachineRole, directorIp = '172.16.0.70'): MachineConfigInput => ({
  zone: 'zone03',
  environment: 'prod',
  domain: DOMAIN,
  role,
  slot: 0,
  region: 'us-west-2',
  bucket: 'prod-zones',
  cluster: {
    podCidr: '10.64.0.0/16',
    serviceCidr: SERVICE_CIDR,
    ...(role === 'worker' ? { nodePodCidr: '10.64.3.0/24' } : {}),
    directors: [directorIp, '172.16.0.134', '172.16.0.198'],
    apiEndpoint: 'https://127.0.0.1:6443',
    etcd: {
      initialCluster: `director-0=https://${directorIp}:2380`,
      token: 'zone03',
      endpoints: [`https://${directorIp}:2379`],
    },
    discovery: {
      initialCluster: `director-0=https://${directorIp}:2390`,
      token: 'zone03-discovery',
      endpoints: [`https://${directorIp}:2389`],
    },
    dnsIp: '10.96.0.10',
    versions: { kubernetes: '1.36.3' },
  },
  ...(role === 'border'
    ? {
        zoneWorker: {
          temporalAddress: '127.0.0.1:7233',
          namespace: 'prod',
          taskQueue: 'zonewright-zone-zone03',
        },
      }
    : {}),
});

export const nodeFacts = (privateIp = '172.16.0.70'): NodeFacts => ({
  instanceId: 'i-0123456789abcdef0',
  instanceType: 'm6i.large',
  privateIp,
  availabilityZone: 'us-west-2a',
  region: 'us-west-2',
});

/** A root folder with the files that an image brings. All users are whoever runs the test. */
export function makeRoot(config: MachineConfigInput): {
  root: string;
  files: MachineFiles;
  remove: () => void;
} {
  const root = mkdtempSync(join(tmpdir(), 'zonewright-machine-'));
  for (const folder of ['etc/zonewright', 'proc/sys/kernel', 'var/lib/zonewright']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  const ids = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const users = ['root', 'etcd', 'etcd-discovery', 'kube', 'zonewright', 'zonewright-router'].map(
    (name) => `${name}:x:${ids}::/:/bin/sh\n`,
  );
  writeFileSync(join(root, 'etc/passwd'), users.join(''));
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n');
  writeFileSync(join(root, 'etc/zonewright/machine.json'), JSON.stringify(config));
  return {
    root,
    files: new MachineFiles(root),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

export type Authorities = Readonly<Record<AuthorityId, KeyPair>>;

export async function makeAuthorities(): Promise<Authorities> {
  const made = await Promise.all(
    AUTHORITY_IDS.map(async (id) => [id, await createAuthority(authorityProfile(id, DOMAIN), 3650)] as const),
  );
  return Object.fromEntries(made) as Record<AuthorityId, KeyPair>;
}

export interface MemoryStore extends MachineStore {
  readonly objects: Map<string, string>;
}

/** @param onPut called after each put, as a signer that watches the prefix would be */
export function memoryStore(onPut: (store: MemoryStore, key: string) => void = () => {}): MemoryStore {
  const objects = new Map<string, string>();
  const store: MemoryStore = {
    keys: machineKeys('AROAEXAMPLE:i-0123456789abcdef0'),
    objects,
    async put(key, text) {
      objects.set(key, text);
      onPut(store, key);
    },
    async get(key) {
      return objects.get(key);
    },
    async fetch(key, path) {
      const text = objects.get(key);
      if (text === undefined) return undefined;
      const bytes = Buffer.from(text, 'base64');
      writeFileSync(path, bytes);
      return {
        sha256: createHash('sha256').update(bytes).digest('hex'),
        metadata: { [BUMP_METADATA]: '1000000' },
      };
    },
  };
  return store;
}

/** Signs whatever requests lie in the prefix, by profile, as the worker does. */
export function signRequests(
  requests: ReadonlyMap<string, string>,
  authorities: Authorities,
  role: MachineRole,
  facts: NodeFacts,
): MachineCertificates {
  const profiles = certificateProfiles({
    domain: DOMAIN,
    role,
    slot: 0,
    instanceId: facts.instanceId,
    privateIp: facts.privateIp,
    serviceCidr: SERVICE_CIDR,
  });
  const certificates: Record<string, string> = {};
  for (const profile of profiles) {
    const csrPem = requests.get(profile.id);
    if (csrPem === undefined) continue;
    const authority = authorities[profile.authority];
    certificates[profile.id] = signCsr({
      csrPem,
      profile,
      authority,
      notBefore: new Date(),
      serial: newSerial(),
    });
  }
  const authorityPems = Object.fromEntries(AUTHORITY_IDS.map((id) => [id, authorities[id].certificatePem]));
  return { certificates, authorities: authorityPems as Record<AuthorityId, string> };
}

/** Requests in a memory store, by profile. */
export function requestsIn(store: MemoryStore): ReadonlyMap<string, string> {
  const prefix = store.keys.request('').slice(0, -'.pem'.length);
  const keys = [...store.objects.keys()].filter((key) => key.startsWith(prefix));
  return new Map(keys.map((key) => [key.slice(prefix.length, -'.pem'.length), store.objects.get(key) ?? '']));
}
