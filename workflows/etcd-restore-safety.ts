import { isCancellation, TemporalFailure } from '@temporalio/workflow';
import type { BackupOrigin } from '../domain/etcd/backup.ts';
import { asStep, prove } from './backup-proof.ts';
import { backUp } from './etcd-backup.ts';
import { rootMessage } from './failure-types.ts';
import { activity, type Operation } from './operation.ts';
import { declined } from './questions.ts';
import { wait } from './retries.ts';

const MINUTE = 60_000;
/** How long an etcd may be silent before it is taken for dead. */
const DEAD_MS = 2 * MINUTE;

/** A proven backup of what there is now; where nothing answers, a person says whether to go on without one. */
export async function saveWhatIsThere(
  operation: Operation,
  origin: BackupOrigin,
  { zone, bucket }: { readonly zone: string; readonly bucket: string },
): Promise<string | undefined> {
  const silent = await silence(operation, zone);
  if (silent === undefined) {
    await backUp(operation, origin, bucket, 60 * MINUTE);
    await operation.orDecide('proof', () =>
      asStep(operation, 'proof', 'proving the safety backup', () =>
        prove(operation, { bucket, zone, backup: operation.id }, 60 * MINUTE),
      ),
    );
    return operation.id;
  }
  const choice = await operation.ask({
    id: 'no-safety-backup',
    text: `etcd of ${origin.domain} does not answer (${silent}), so what is in it cannot be backed up first. Restore all the same?`.slice(
      0,
      500,
    ),
    choices: ['restore', 'abort'],
    default: 'abort',
  });
  if (choice !== 'restore') throw declined('Nothing is restored over an etcd that could not be backed up');
  return undefined;
}

/** Why etcd does not answer; `undefined` when it does. */
async function silence(operation: Operation, zone: string): Promise<string | undefined> {
  await operation.gate();
  const what = 'etcd to answer, so that what is in it can be backed up';
  const until = new Date(Date.now() + DEAD_MS).toISOString();
  try {
    await operation.account.during({ what, until, then: 'you are asked whether to go on' }, () =>
      activity('etcd.health', {}, { ...wait(DEAD_MS), summary: `waiting for ${what}` }, zone),
    );
    return undefined;
  } catch (error) {
    if (!(error instanceof TemporalFailure) || isCancellation(error)) throw error;
    return rootMessage(error);
  }
}

/** Written after every backup that can be restored: the restored etcd must not have it. */
export const leaveMark = (operation: Operation, zone: string) =>
  operation.check('etcd.mark', { mark: operation.id }, 'marking the etcd of now', zone);
