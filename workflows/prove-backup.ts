import { ApplicationFailure } from '@temporalio/workflow';
import { z } from 'zod';
import type { ProofRecord } from '../domain/etcd/backup.ts';
import { operationInput } from '../domain/operations.ts';
import { asStep, prove } from './backup-proof.ts';
import { runOperation } from './run-operation.ts';

export const proveBackupInput = operationInput.extend({
  zone: z.string().min(1),
  bucket: z.string().min(3),
  backup: z.string().min(1),
  /** How long it may take in all, milliseconds. */
  limitMs: z
    .number()
    .int()
    .min(60_000)
    .default(2 * 3_600_000),
});
export type ProveBackupInput = z.output<typeof proveBackupInput>;

/** Proves a backup again: what was whole once may have been damaged since. */
export const proveBackup = (raw: unknown): Promise<ProofRecord> =>
  runOperation(proveBackupInput, raw, async (operation, { zone, bucket, backup, limitMs }) => {
    const found = await operation.check('backup.describe', { bucket, zone, backup }, 'looking at the backup');
    if (found.snapshot === undefined) {
      throw ApplicationFailure.nonRetryable(
        `Cannot prove backup "${backup}": it is ${found.state}, expected one with a snapshot`,
        'Conflict',
      );
    }
    return asStep(operation, 'proof', `restoring ${backup} into a scratch etcd`, () =>
      prove(operation, { bucket, zone, backup }, limitMs),
    );
  });
