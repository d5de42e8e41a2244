import type { z } from 'zod';
import { parse } from '../parse.ts';
import {
  backupClaimSchema,
  backupKeys,
  backupsPrefix,
  proofRecordSchema,
  snapshotRecordSchema,
  type BackupClaim,
  type ProofRecord,
  type SnapshotRecord,
} from './backup.ts';

/** The zone store, as much of it as a list of backups needs. */
export interface BackupStore {
  /** Keys below a prefix. */
  list(prefix: string): Promise<readonly { readonly key: string; readonly modifiedAt: Date }[]>;
  /** Text of a small object; nothing where there is none. */
  read(key: string): Promise<string | undefined>;
}

/**
 * `under way`: no snapshot yet. `abandoned`: none, and none will come. `unproven`: nobody has looked. `proven` and
 * `damaged`: what the latest proof said.
 */
export type BackupState = 'under way' | 'abandoned' | 'unproven' | 'proven' | 'damaged';

export interface Backup {
  readonly backup: string;
  readonly folder: string;
  readonly state: BackupState;
  /** When it was begun; of what lost its claim, when its first object was put. */
  readonly startedAt: string;
  readonly claim?: BackupClaim;
  readonly snapshot?: SnapshotRecord;
  /** The latest first. */
  readonly proofs: readonly ProofRecord[];
}

/** No backup takes longer: its operation's own limits are below it. */
export const ABANDONED_AFTER_MS = 24 * 3_600_000;

/** Backups of a zone, the latest first. @param now milliseconds since the epoch */
export async function readBackups(
  store: BackupStore,
  zone: string,
  now: number,
  storePrefix = '',
): Promise<Backup[]> {
  const prefix = backupsPrefix(zone, storePrefix);
  const objects = await store.list(prefix);
  const folders = Map.groupBy(objects, ({ key }) => key.slice(prefix.length).split('/')[0] ?? '');
  const backups = await Promise.all(
    [...folders].map(([name, inside]) => readBackup(store, `${prefix}${name}/`, name, inside, now)),
  );
  return backups.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt));
}

type Listed = Awaited<ReturnType<BackupStore['list']>>[number];

async function readBackup(
  store: BackupStore,
  folder: string,
  backup: string,
  inside: readonly Listed[],
  now: number,
): Promise<Backup> {
  const keys = backupKeys(folder);
  const has = (key: string) => inside.some((one) => one.key === key);
  const [claim, snapshot, proofs] = await Promise.all([
    has(keys.claim) ? read(store, keys.claim, backupClaimSchema) : undefined,
    has(keys.record) ? read(store, keys.record, snapshotRecordSchema) : undefined,
    Promise.all(
      inside
        .filter(({ key }) => key.startsWith(keys.proofs))
        .map(({ key }) => read(store, key, proofRecordSchema)),
    ),
  ]);
  const latestFirst = proofs
    .filter((proof) => proof !== undefined)
    .toSorted((a, b) => b.endedAt.localeCompare(a.endedAt));
  const first = inside.map(({ modifiedAt }) => modifiedAt.getTime()).toSorted((a, b) => a - b)[0] ?? now;
  const startedAt = claim?.startedAt ?? new Date(first).toISOString();
  return {
    backup,
    folder,
    state: stateOf(snapshot, latestFirst, now - Date.parse(startedAt)),
    startedAt,
    ...(claim === undefined ? {} : { claim }),
    ...(snapshot === undefined ? {} : { snapshot }),
    proofs: latestFirst,
  };
}

async function read<S extends z.ZodType>(
  store: BackupStore,
  key: string,
  schema: S,
): Promise<z.output<S> | undefined> {
  const text = await store.read(key);
  // Deleted since it was listed.
  if (text === undefined) return undefined;
  return parse(schema, JSON.parse(text), `"${key}"`);
}

function stateOf(
  snapshot: SnapshotRecord | undefined,
  [latest]: readonly ProofRecord[],
  ageMs: number,
): BackupState {
  if (snapshot === undefined) return ageMs < ABANDONED_AFTER_MS ? 'under way' : 'abandoned';
  if (latest === undefined) return 'unproven';
  return latest.verdict === 'proven' ? 'proven' : 'damaged';
}
