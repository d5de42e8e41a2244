/** Talking to an operation: why it waits, how far it is, and telling it what to do. */
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { Explanation, Progress } from '../domain/explain.ts';
import { ClientError, EXIT } from './errors.ts';
import { actor, describeWorkflow } from './operations.ts';
import { endedWith } from './outcome.ts';
import type { OperationFailure } from './outcome.ts';
import { unpolledQueues } from './pollers.ts';

/** A query that takes longer than this has no worker to answer it. */
const ANSWER_MS = 5_000;

export interface Explained {
  readonly explanation: Explanation;
  /** `memo` when nobody answered and what the operation said last is shown instead. */
  readonly from: 'operation' | 'memo';
  /** Queues of what it waits for that no worker polls: that moves only once one does. */
  readonly unpolled: readonly string[];
}

/** Why an operation (or one run of it) waits, also while no worker runs; of one that has ended, how it ended. */
export async function explainOperation(client: Client, id: string, runId?: string): Promise<Explained> {
  const description = await describeWorkflow(client, id, runId);
  const open = description.status.name === 'RUNNING';
  const [answer, unpolled] = await Promise.all([
    ask<Explanation>(client, 'explain', id, runId),
    open ? unpolledQueues(client, description) : [],
  ]);
  const explanation = answer ?? (description.memo?.['explain'] as Explanation | undefined);
  if (explanation === undefined) {
    throw new ClientError(
      EXIT.failed,
      `Cannot explain "${id}": it has said nothing yet and no worker answers`,
    );
  }
  return {
    explanation: open
      ? withProgress(explanation, description)
      : asEnded(explanation, await endedWith(client, id, runId)),
    from: answer === undefined ? 'memo' : 'operation',
    unpolled,
  };
}

/** Activities that take long say in their heartbeats how far they are: `{progress}`. */
function withProgress(
  explanation: Explanation,
  { raw }: Pick<WorkflowExecutionDescription, 'raw'>,
): Explanation {
  const progress = (raw.pendingActivities ?? []).flatMap(({ heartbeatDetails }) => {
    const [details] = heartbeatDetails?.payloads ?? [];
    const said = details && defaultPayloadConverter.fromPayload<{ progress?: unknown } | null>(details);
    return typeof said?.progress === 'string' ? [said.progress] : [];
  });
  return progress.length === 0 ? explanation : { ...explanation, progress };
}

/** One that was terminated had no time to say so itself. */
function asEnded(said: Explanation, failure: OperationFailure | undefined): Explanation {
  const { question: _question, paused: _paused, ...rest } = said;
  const ended = { ...rest, waits: [], youCan: [] };
  if (failure === undefined) return { ...ended, state: 'done', headline: 'done' };
  return { ...ended, state: 'failed', headline: failure.message };
}

/** The steps of an operation; undefined while no worker answers. */
export const progressOf = (client: Client, id: string, runId?: string): Promise<Progress | undefined> =>
  ask<Progress>(client, 'progress', id, runId);

async function ask<T>(
  client: Client,
  query: string,
  id: string,
  runId: string | undefined,
): Promise<T | undefined> {
  try {
    return await client.withDeadline(Date.now() + ANSWER_MS, () =>
      client.workflow.getHandle(id, runId).query<T>(query),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw error;
    return undefined; // no worker, or one that is busy with something else
  }
}

export type Control = 'pause' | 'resume' | 'abort' | 'decide';

export interface ControlRequest {
  /** Who asks; by default the person at this computer. */
  readonly actor?: string;
  /** How the actor is called, where the actor is an id. */
  readonly actorName?: string;
  readonly reason: string;
  readonly question?: string;
  readonly choice?: string;
}

/**
 * Sends a control and returns the operation's answer.
 *
 * @param updateId the same request sent again under it is answered again and counts once
 * @throws {ClientError} refused, with the operation's reason
 */
export async function controlOperation(
  client: Client,
  id: string,
  control: Control,
  request: ControlRequest,
  updateId?: string,
): Promise<string> {
  await describeWorkflow(client, id);
  try {
    return await client.withDeadline(Date.now() + 3 * ANSWER_MS, () =>
      client.workflow.getHandle(id).executeUpdate<string, [object]>(control, {
        args: [{ actor: actor(), ...request }],
        ...(updateId === undefined ? {} : { updateId }),
      }),
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
