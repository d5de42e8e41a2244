/**
 * Where backups of a zone's etcd lie and what is written beside them. Each has a folder of its own:
 *
 *     zones/<zone>/backups/<backup>/backup.json              what it is of, and who asked; written first
 *     zones/<zone>/backups/<backup>/<attempt>/snapshot.db    the snapshot, with etcd's own trailer
 *     zones/<zone>/backups/<backup>/snapshot.json            which of the attempts counts, and what was true of it
 *     zones/<zone>/backups/<backup>/proofs/<proof>.json      what a restore into a scratch etcd gave
 *
 * Fields are added, never repurposed.
 */
import { z } from 'zod';

export const backupsPrefix = (zone: string, storePrefix = ''): string =>
  `${storePrefix}zones/${zone}/backups/`;

/** @param backup the operation that made it */
export const backupFolder = (zone: string, backup: string, storePrefix = ''): string =>
  `${backupsPrefix(zone, storePrefix)}${backup}/`;

/** Keys of a backup, from its folder, which ends with a slash. */
export const backupKeys = (folder: string) =>
  ({
    claim: `${folder}backup.json`,
    snapshot: (attempt: string) => `${folder}${attempt}/snapshot.db`,
    record: `${folder}snapshot.json`,
    proofs: `${folder}proofs/`,
    proof: (proof: string) => `${folder}proofs/${proof}.json`,
  }) as const;

/** True of everything that backups of any zone are made of. */
export const isOfBackup = (key: string): boolean => /(^|\/)zones\/[^/]+\/backups\//.test(key);

/** Which zone a backup is of: one of the same name that was made later is another. */
export const backupOriginSchema = z.object({
  zone: z.string().min(1),
  domain: z.string().min(1),
  /** When the zone was created, as its manifest says. */
  zoneCreatedAt: z.iso.datetime(),
});
export type BackupOrigin = z.output<typeof backupOriginSchema>;

export const backupClaimSchema = backupOriginSchema.extend({
  format: z.literal(1),
  /** The operation that makes it, which is also its name. */
  backup: z.string().min(1),
  actor: z.string(),
  reason: z.string().default(''),
  startedAt: z.iso.datetime(),
});
export type BackupClaim = z.output<typeof backupClaimSchema>;

/** etcd's hash over all keys up to a revision, which counts only beside the revision that was compacted when it was taken. */
const stateHash = z.object({ hash: z.string(), compactRevision: z.string() });
export type StateHash = z.output<typeof stateHash>;

/** What was true of the source when the snapshot was taken, and what S3 said about the object. */
export const snapshotRecordSchema = z.object({
  format: z.literal(1),
  backup: z.string().min(1),
  attempt: z.string().min(1),
  key: z.string().min(1),
  versionId: z.string(),
  bytes: z.number().int().positive(),
  /** Of the whole object, hexadecimal. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** What S3 says: the SHA-256 of its parts' SHA-256, `<base64>-<parts>`. */
  partsSha256: z.string(),
  /** Written just before the snapshot; it must be in it, at this revision. */
  nonce: z.object({ key: z.string(), value: z.string(), revision: z.string() }),
  /** Keys at the nonce's revision. */
  keys: z.string(),
  /** Hashes at the nonce's revision, before and after the snapshot: what was compacted in between tells them apart. */
  hashes: z.array(stateHash),
  /** Last revision that the source had once the snapshot was taken; it can hold none above it. */
  lastRevision: z.string(),
  source: z.object({ member: z.string(), memberId: z.string(), clusterId: z.string(), version: z.string() }),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
});
export type SnapshotRecord = z.output<typeof snapshotRecordSchema>;

const proofCheck = z.object({
  check: z.string(),
  outcome: z.enum(['same', 'differs', 'not compared']),
  /** In words: what was expected and what was found, or why it was not compared. */
  text: z.string(),
});
export type ProofCheck = z.output<typeof proofCheck>;

export const proofRecordSchema = z.object({
  format: z.literal(1),
  backup: z.string().min(1),
  /** The operation that proved it. */
  operation: z.string().min(1),
  verdict: z.enum(['proven', 'not proven']),
  checks: z.array(proofCheck),
  /** The object that was fetched. */
  object: z.object({ key: z.string(), versionId: z.string(), sha256: z.string(), bytes: z.number() }),
  /** Version of the etcd that it was restored with. */
  etcd: z.string(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
});
export type ProofRecord = z.output<typeof proofRecordSchema>;
