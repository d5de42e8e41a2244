import { z } from 'zod';
import { AUTHORITY_IDS } from './pki/authorities.ts';
import { ROLES } from './pki/facts.ts';

/** Where user data puts the machine's configuration. */
export const MACHINE_CONFIG_PATH = '/etc/zonewright/machine.json';

/**
 * What a machine is told about itself and its zone: `machine.json`, written by user data. It holds no secret; what is
 * secret is made on the machine. What the machine can ask EC2 for (ids, addresses) is not in it.
 */
export const machineConfigSchema = z.strictObject({
  zone: z.string().min(1),
  environment: z.string().min(1),
  /** Domain of the zone. */
  domain: z.string().min(1),
  role: z.enum(ROLES),
  slot: z.number().int().min(0),
  region: z.string().min(1),
  /** Zone store; `storePrefix` is empty or ends with a slash. */
  bucket: z.string().min(3),
  storePrefix: z
    .string()
    .regex(/^$|\/$/, 'nothing, or a prefix that ends with a slash')
    .default(''),
  cluster: z.strictObject({
    podCidr: z.cidrv4(),
    serviceCidr: z.cidrv4(),
    /** This node's share of the pod range; workers have one. */
    nodePodCidr: z.cidrv4().optional(),
    /**
     * Addresses of the director slots in their order, whether a director lives there or not: what the local proxy and
     * the zone worker look at. Absent in configurations from before there were proxies.
     */
    directors: z.array(z.ipv4()).min(1).optional(),
    /** Where this machine reaches the API: `https://127.0.0.1:6443`, its own server or its proxy. */
    apiEndpoint: z.url({ protocol: /^https$/, error: 'an https URL' }),
    etcd: z.strictObject({
      /** As etcd wants it: `director-0=https://10.0.0.4:2380,…`. */
      initialCluster: z.string().min(1),
      /** `new` for the first members, `existing` for one that joins. */
      initialState: z.enum(['new', 'existing']).default('new'),
      token: z.string().min(1),
      /** For a first member that begins with a snapshot: what it shall find in its own prefix. */
      restore: z
        .strictObject({
          sha256: z.string().regex(/^[0-9a-f]{64}$/),
        })
        .optional(),
      /** Client URLs of all members. */
      endpoints: z.array(z.url()).min(1),
    }),
    /** The etcd of presence and services, beside that of Kubernetes; ports 2389 and 2390. */
    discovery: z.strictObject({
      initialCluster: z.string().min(1),
      initialState: z.enum(['new', 'existing']).default('new'),
      token: z.string().min(1),
      /** Client URLs of all slots, whether a director lives there or not. */
      endpoints: z.array(z.url()).min(1),
    }),
    dnsIp: z.ipv4(),
    versions: z.record(z.string(), z.string()).default({}),
  }),
  /** Present on borders: where the zone worker takes its work from. */
  zoneWorker: z
    .strictObject({
      temporalAddress: z.string().min(1),
      namespace: z.string().min(1),
      taskQueue: z.string().min(1),
    })
    .optional(),
});
export type MachineConfig = z.output<typeof machineConfigSchema>;
export type MachineConfigInput = z.input<typeof machineConfigSchema>;

/** Metadata of the snapshot that a member begins with: what is added to all revisions. */
export const BUMP_METADATA = 'bump-revision';

/** Name of an etcd member. */
export const memberName = (slot: number): string => `director-${slot}`;

/**
 * Keys of a machine in the zone store. Its prefix is what its role's policy opens to it: `${aws:userid}`, which is
 * `<role id>:<instance id>` for the credentials of an instance.
 */
export function machineKeys(userId: string, storePrefix = '') {
  const prefix = `${storePrefix}machines/${userId}/`;
  return {
    prefix,
    phase: `${prefix}phase.json`,
    log: `${prefix}log`,
    /** Snapshot that a first etcd member begins with. */
    snapshot: `${prefix}restore.db`,
    request: (profile: string) => `${prefix}csr/${profile}.pem`,
    certificates: `${prefix}certificates.json`,
    serviceAccountPublicKey: `${prefix}service-account.pub`,
  } as const;
}

const sealedForMachineSchema = z.strictObject({
  /** AES key, wrapped by RSA-OAEP with SHA-256 for a key of the machine. */
  wrappedKey: z.base64(),
  nonce: z.base64(),
  authTag: z.base64(),
  ciphertext: z.base64(),
});
export type SealedForMachine = z.infer<typeof sealedForMachineSchema>;

/** What is put back for a machine: its certificates by profile, and those of the authorities. No open keys. */
export const machineCertificatesSchema = z.strictObject({
  certificates: z.record(z.string(), z.string()),
  authorities: z.record(z.enum(AUTHORITY_IDS), z.string()),
  /** For directors: the private key that signs service account tokens. */
  serviceAccountKey: sealedForMachineSchema.optional(),
});
export type MachineCertificates = z.infer<typeof machineCertificatesSchema>;

export const JOIN_PHASES = [
  'metadata',
  'hostname',
  'keys',
  'requests',
  'certificates',
  'configuration',
  'restore',
  'units',
  'health',
  'ready',
] as const;
export type JoinPhase = (typeof JOIN_PHASES)[number];

/** What a joining machine reports in `phase.json`. Evidence for people, never a gate: the machine writes it itself. */
export const phaseReportSchema = z.object({
  phase: z.enum(JOIN_PHASES),
  since: z.iso.datetime(),
  bootId: z.string(),
  /** What it waits for or why it failed; absent while it works. */
  detail: z.string().optional(),
  /** When each phase of this boot began. */
  history: z.array(z.object({ phase: z.enum(JOIN_PHASES), at: z.iso.datetime() })),
});
export type PhaseReport = z.infer<typeof phaseReportSchema>;
