import { ApplicationFailure } from '@temporalio/workflow';
import type { Operation } from './operation.ts';

/**
 * Nothing changes without an approval of exactly this plan. The starter may have given it already (`--yes` sends the
 * hash of the plan that was shown); otherwise it is asked for, and silence means no.
 *
 * @throws {ApplicationFailure} of type `Declined`, also when another plan was approved than the one that would run
 */
export async function approve(operation: Operation, planHash: string, what: string): Promise<void> {
  const { approvedPlan } = operation.input;
  if (approvedPlan === planHash) return;
  if (approvedPlan !== undefined) {
    throw ApplicationFailure.nonRetryable(
      `Cannot ${what}: plan ${approvedPlan.slice(0, 12)} was approved, but plan ${planHash.slice(0, 12)} would run; look at the plan again`,
      'Declined',
    );
  }
  const choice = await operation.ask({
    id: 'approve',
    text: `Approve plan ${planHash.slice(0, 12)} to ${what}?`,
    choices: ['approve', 'reject'],
    default: 'reject',
  });
  if (choice !== 'approve')
    throw ApplicationFailure.nonRetryable(
      `Plan ${planHash.slice(0, 12)} to ${what} was not approved`,
      'Declined',
    );
}
