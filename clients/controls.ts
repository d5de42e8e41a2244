/** Talking to an operation: why it waits, how far it is, and telling it what to do. */
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { Explanation, Progress } from '../domain/explain.ts';
import { ClientError, EXIT } from './errors.ts';
import { actor, describeWorkflow } from './operations.ts';

/** A query that takes longer than this has no worker to answer it. */
const ANSWER_MS = 5_000;

export interface Explained {
  readonly explanation: Explanation;
  /** `memo` when nobody answered and what the operation said last is shown instead. */
  readonly from: 'operation' | 'memo';
  /** False when no worker polls the operation's queue: nothing moves until one does. */
  readonly workerPolling: boolean;
}

/** Why an operation waits, also while no worker runs. */
export async function explainOperation(client: Client, id: string): Promise<Explained> {
  const { memo, taskQueue } = await describeWorkflow(client, id);
  const answer = await ask<Explanation>(client, id, 'explain');
  if (answer !== undefined) return { explanation: answer, from: 'operation', workerPolling: true };
  const explanation = memo?.['explain'] as Explanation | undefined;
  if (explanation === undefined) {
    throw new ClientError(
      EXIT.failed,
      `Cannot explain "${id}": it has said nothing yet and no worker answers`,
    );
  }
  return { explanation, from: 'memo', workerPolling: await isPolled(client, taskQueue) };
}

/** The steps of an operation; undefined while no worker answers. */
export const progressOf = (client: Client, id: string): Promise<Progress | undefined> =>
  ask<Progress>(client, id, 'progress');

async function ask<T>(client: Client, id: string, query: string): Promise<T | undefined> {
  try {
    return await client.withDeadline(Date.now() + ANSWER_MS, () =>
      client.workflow.getHandle(id).query<T>(query),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw error;
    return undefined; // no worker, or one that is busy with something else
  }
}

async function isPolled(client: Client, queue: string): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: queue },
    taskQueueType: 1,
  });
  const recent = Date.now() - 60_000;
  return (pollers ?? []).some(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000 > recent);
}

export type Control = 'pause' | 'resume' | 'abort' | 'decide';

/**
 * Sends a control and returns the operation's answer.
 *
 * @throws {ClientError} refused, with the operation's reason
 */
export async function controlOperation(
  client: Client,
  id: string,
  control: Control,
  args: Readonly<Record<string, string>>,
): Promise<string> {
  await describeWorkflow(client, id);
  try {
    return await client.withDeadline(Date.now() + 3 * ANSWER_MS, () =>
      client.workflow
        .getHandle(id)
        .executeUpdate<string, [object]>(control, { args: [{ actor: actor(), ...args }] }),
    );
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) {
      throw new ClientError(EXIT.refused, error.cause?.message ?? error.message);
    }
    if (error instanceof WorkflowNotFoundError) {
      throw new ClientError(EXIT.refused, `Cannot ${control} "${id}": it has ended`);
    }
    throw new ClientError(EXIT.failed, `Cannot ${control} "${id}": no worker answered`, {
      cause: error,
      // The server may hand it to the next worker all the same.
      expectation: `a worker; once there is one, "zonewright op explain ${id}" says whether it counted`,
    });
  }
}
