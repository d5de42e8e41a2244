/** How an operation has ended. */
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';

export interface OperationFailure {
  readonly type: string;
  readonly message: string;
  readonly details?: unknown;
}

/** Why it failed, as the operation itself said it where it could. */
export function failureOf(error: WorkflowFailedError): OperationFailure {
  const { cause } = error;
  const message = cause?.message ?? error.message;
  if (!(cause instanceof ApplicationFailure)) return { type: cause?.name ?? error.name, message };
  const [details] = cause.details ?? [];
  return { type: cause.type ?? 'Failed', message, ...(details === undefined ? {} : { details }) };
}

/** Why an operation that has ended failed; undefined where it did not. */
export async function endedWith(
  client: Client,
  id: string,
  runId?: string,
): Promise<OperationFailure | undefined> {
  try {
    await client.workflow.getHandle(id, runId).result();
    return undefined;
  } catch (error) {
    if (error instanceof WorkflowFailedError) return failureOf(error);
    throw error;
  }
}
