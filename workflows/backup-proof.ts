import { ApplicationFailure } from '@temporalio/workflow';
import { backupFolder, type BackupOrigin, type ProofRecord } from '../domain/etcd/backup.ts';
import { differencesOf } from '../domain/etcd/proof.ts';
import { manifestKey } from '../domain/zone/manifest.ts';
import { rootMessage } from './failure-types.ts';
import type { Operation } from './operation.ts';

const MINUTE = 60_000;

export interface ZoneBackup {
  readonly bucket: string;
  readonly zone: string;
  readonly backup: string;
}

/** Which zone this is; one that is not there or being made or destroyed is refused. */
export async function activeZone(operation: Operation, bucket: string, zone: string): Promise<BackupOrigin> {
  const name = { bucket, key: manifestKey(zone) };
  const found = await operation.check('manifest.summary', name, 'reading the manifest');
  if (found.state === 'active') {
    return { zone, domain: found.domain, zoneCreatedAt: found.createdAt };
  }
  throw ApplicationFailure.nonRetryable(
    `Cannot back up zone "${zone}": it is ${found.state}, expected it to be active`,
    'Conflict',
  );
}

/** Shows a part of an operation as one of its steps. */
export async function asStep<T>(
  { account }: Operation,
  step: string,
  summary: string,
  body: () => Promise<T>,
): Promise<T> {
  account.step(step, { state: 'running', summary });
  try {
    const result = await body();
    account.step(step, { state: 'done' });
    return result;
  } catch (error) {
    account.step(step, { state: 'failed', error: rootMessage(error) });
    throw error;
  }
}

/**
 * Restores a backup into a scratch etcd on the zone's border and compares.
 *
 * @param limitMs how long it may take in all
 * @throws {ApplicationFailure} `GateFailed`, saying what differs
 */
export async function prove(
  operation: Operation,
  { bucket, zone, backup }: ZoneBackup,
  limitMs: number,
): Promise<ProofRecord> {
  const folder = backupFolder(zone, backup);
  const input = { bucket, folder, backup, operation: operation.id };
  const proof = await operation.waitFor('etcd.prove', input, {
    what: 'a scratch etcd to be restored from it and compared',
    giveUpMs: limitMs,
    attemptMs: limitMs,
    progressMs: Math.min(limitMs / 2, 15 * MINUTE),
    zone,
  });
  if (proof.verdict === 'proven') return proof;
  throw ApplicationFailure.nonRetryable(
    `Backup "${backup}" is not proven: ${differencesOf(proof.checks) || 'nothing could be compared'}`,
    'GateFailed',
    { checks: proof.checks },
  );
}
