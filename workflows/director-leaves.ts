import { ApplicationFailure } from '@temporalio/workflow';
import type { RemovePlan } from '../domain/zone/remove.ts';
import type { Operation } from './operation.ts';

/**
 * Refuses to remove a director whose etcd member its cluster cannot do without. Called at the start, and again just
 * before the member goes.
 */
export async function refuseBelowQuorum(_operation: Operation, { role, machine }: RemovePlan): Promise<void> {
  if (role !== 'director') return;
  throw ApplicationFailure.nonRetryable(
    `Cannot remove ${machine}: removing directors is not supported yet`,
    'GateFailed',
  );
}

/** Takes a director's member out of etcd, past the point of no return, while its machine still runs. */
export async function leaveEtcd(_operation: Operation, _plan: RemovePlan): Promise<void> {}
