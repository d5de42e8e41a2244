import { CancellationScope, TemporalFailure } from '@temporalio/workflow';
import { z } from 'zod';
import { backupFolder, type BackupOrigin, type SnapshotRecord } from '../domain/etcd/backup.ts';
import { retentionSchema } from '../domain/etcd/retention.ts';
import { operationInput } from '../domain/operations.ts';
import type { PlannedStep } from '../domain/plan.ts';
import { activeZone, asStep, prove } from './backup-proof.ts';
import { rootMessage } from './failure-types.ts';
import { activity, type Operation } from './operation.ts';
import { LOOK } from './retries.ts';
import { runOperation } from './run-operation.ts';
import { applyPlan } from './steps.ts';

export const etcdBackupInput = operationInput.extend({
  zone: z.string().min(1),
  bucket: z.string().min(3),
  retention: retentionSchema.prefault({}),
  /** How long it may take in all, milliseconds; a schedule's are below its interval. */
  limitMs: z
    .number()
    .int()
    .min(60_000)
    .default(4 * 3_600_000),
});
export type EtcdBackupInput = z.output<typeof etcdBackupInput>;

export interface EtcdBackupResult {
  readonly backup: string;
  readonly verdict: 'proven';
  readonly snapshot: Pick<SnapshotRecord, 'key' | 'versionId' | 'bytes' | 'sha256' | 'keys' | 'lastRevision'>;
  /** Backups that retention removed; or why it could not, which takes nothing from the new one. */
  readonly removed: readonly string[];
  readonly notRemoved?: string;
}

/** Backs up etcd, proves the backup by restoring it, and removes those that nobody needs any more. */
export const etcdBackupRestore = (raw: unknown): Promise<EtcdBackupResult> =>
  runOperation(etcdBackupInput, raw, async (operation, input) => {
    const { zone, bucket, limitMs } = input;
    const backup = operation.id;
    const origin = await activeZone(operation, bucket, zone);
    const snapshot = await backUp(operation, origin, bucket, limitMs / 2);
    // A person may have it proven again; what is rolled back is the backup.
    await operation.orDecide('proof', () =>
      asStep(operation, 'proof', 'restoring it into a scratch etcd', () =>
        prove(operation, { bucket, zone, backup }, limitMs / 3),
      ),
    );
    keep(operation);
    const retained = await retain(operation, input);
    const { key, versionId, bytes, sha256, keys, lastRevision } = snapshot;
    return {
      backup,
      verdict: 'proven',
      snapshot: { key, versionId, bytes, sha256, keys, lastRevision },
      ...retained,
    };
  });

/** A backup of the operation's own name, not proven yet; undone with the operation. */
export async function backUp(
  operation: Operation,
  origin: BackupOrigin,
  bucket: string,
  limitMs: number,
): Promise<SnapshotRecord> {
  const { zone } = origin;
  const backup = operation.id;
  const folder = backupFolder(zone, backup);
  await applyPlan(operation, [claimStep(operation, origin, bucket)]);
  const snapshot = await asStep(operation, 'snapshot', 'streaming etcd to the zone store', () =>
    operation.waitFor(
      'etcd.snapshot',
      { bucket, folder, backup },
      {
        what: 'etcd to be streamed to the zone store',
        giveUpMs: limitMs,
        attemptMs: limitMs,
        progressMs: limitMs / 2,
        zone,
      },
    ),
  );
  await operation.check('backup.tidy', { bucket, folder }, 'removing what earlier attempts left');
  return snapshot;
}

const claimStep = (operation: Operation, origin: BackupOrigin, bucket: string): PlannedStep => {
  const { actor, reason } = operation.input;
  const claim = {
    format: 1 as const,
    ...origin,
    backup: operation.id,
    actor,
    reason,
    startedAt: new Date().toISOString(),
  };
  return {
    step: 'folder',
    kind: 'etcd-backup',
    name: `${origin.domain}-backup`,
    summary: `making the folder of backup ${operation.id}`,
    plan: { bucket, folder: backupFolder(origin.zone, operation.id), claim },
  };
};

/** A proven backup stays, whatever becomes of the rest: older ones may go because it is there. */
export const keep = ({ undos }: Operation): void => {
  undos.splice(0, undos.length, ...undos.filter(({ kind }) => kind !== 'etcd-backup'));
};

async function retain(
  operation: Operation,
  { bucket, zone, retention: rules }: EtcdBackupInput,
): Promise<Pick<EtcdBackupResult, 'removed' | 'notRemoved'>> {
  const summary = 'removing backups that no rule keeps';
  operation.account.step('retention', { state: 'running', summary });
  try {
    const { removed } = await CancellationScope.nonCancellable(() =>
      activity(
        'backup.retain',
        { bucket, zone, rules },
        { ...LOOK, startToCloseTimeout: '5 minutes', summary },
      ),
    );
    operation.account.step('retention', { state: 'done' });
    return { removed };
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    const notRemoved = rootMessage(error);
    operation.account.step('retention', { state: 'failed', error: notRemoved });
    return { removed: [], notRemoved };
  }
}
