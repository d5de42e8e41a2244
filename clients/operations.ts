/** Operations as a client sees them: started, listed, explained, controlled. */
import { hostname, userInfo } from 'node:os';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import type {
  Client,
  WorkflowExecutionInfo,
  WorkflowHandle,
  WorkflowIdConflictPolicy,
} from '@temporalio/client';
import type { Explanation, Progress } from '../domain/explain.ts';
import { QUEUES, SEARCH_ATTRIBUTES } from '../domain/operations.ts';
import type { OperationType } from '../domain/operations.ts';
import { ClientError, EXIT } from './errors.ts';

/** A query that takes longer than this has no worker to answer it. */
const ANSWER_MS = 5_000;

export interface OperationSummary {
  readonly id: string;
  readonly runId: string;
  readonly type: string;
  readonly zone?: string;
  readonly actor?: string;
  /** `running`, `waiting`, `blocked`, `undoing` as long as it is open; then `done`, `failed`, `terminated` ... */
  readonly state: string;
  readonly startedAt: string;
  readonly endedAt?: string;
}

/** Who asks: `ZONEWRIGHT_ACTOR`, else the user on this computer. */
export const actor = (): string => process.env['ZONEWRIGHT_ACTOR'] || `${userInfo().username}@${hostname()}`;

export interface Start {
  readonly type: OperationType;
  readonly id: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** `USE_EXISTING` where concurrent callers share one run; `FAIL` where a second one is refused. */
  readonly whenRunning: WorkflowIdConflictPolicy;
}

/**
 * Starts an operation.
 *
 * @throws {ClientError} refused, naming the holder, when one of this id is running
 */
export async function startOperation(client: Client, start: Start): Promise<WorkflowHandle> {
  try {
    return await client.workflow.start(start.type, {
      taskQueue: QUEUES.workflows,
      workflowId: start.id,
      workflowIdConflictPolicy: start.whenRunning,
      args: [start.input],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new ClientError(EXIT.refused, `Cannot start "${start.id}": an operation of this id is running`, {
      expectation: `none; look at it with "zonewright op show ${start.id}"`,
    });
  }
}

export interface OperationFilter {
  readonly zone?: string | undefined;
  readonly type?: string | undefined;
  readonly state?: string | undefined;
  /** Closed ones as well. */
  readonly all?: boolean | undefined;
  readonly limit: number;
}

/** Operations known to Temporal, the latest first. */
export async function listOperations(client: Client, filter: OperationFilter): Promise<OperationSummary[]> {
  const terms = [`${SEARCH_ATTRIBUTES.operation} IS NOT NULL`];
  if (filter.zone !== undefined) terms.push(`${SEARCH_ATTRIBUTES.zone} = ${quoted(filter.zone)}`);
  if (filter.type !== undefined) terms.push(`WorkflowType = ${quoted(filter.type)}`);
  if (filter.state !== undefined) terms.push(`${SEARCH_ATTRIBUTES.state} = ${quoted(filter.state)}`);
  if (filter.all !== true && filter.state === undefined) terms.push("ExecutionStatus = 'Running'");
  const found: OperationSummary[] = [];
  for await (const info of client.workflow.list({ query: terms.join(' AND '), pageSize: filter.limit })) {
    found.push(summaryOf(info));
    if (found.length === filter.limit) break;
  }
  return found.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt));
}

/** In a visibility query. */
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

type Facts = Pick<
  WorkflowExecutionInfo,
  'workflowId' | 'runId' | 'type' | 'status' | 'searchAttributes' | 'startTime'
> & {
  readonly closeTime?: Date | undefined;
};

function summaryOf(info: Facts): OperationSummary {
  const attribute = (name: string): string | undefined => {
    const values = info.searchAttributes[name];
    return values === undefined ? undefined : String(values[0]);
  };
  const open = info.status.name === 'RUNNING';
  const zone = attribute(SEARCH_ATTRIBUTES.zone);
  const by = attribute(SEARCH_ATTRIBUTES.actor);
  return {
    id: info.workflowId,
    runId: info.runId,
    type: info.type,
    ...(zone === undefined ? {} : { zone }),
    ...(by === undefined ? {} : { actor: by }),
    state: open
      ? (attribute(SEARCH_ATTRIBUTES.state) ?? 'running')
      : (CLOSED[info.status.name] ?? info.status.name),
    startedAt: info.startTime.toISOString(),
    ...(info.closeTime === undefined ? {} : { endedAt: info.closeTime.toISOString() }),
  };
}

const CLOSED: Readonly<Record<string, string>> = {
  COMPLETED: 'done',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed out',
};

/** @throws {ClientError} when there is no operation of this id */
export async function describeOperation(client: Client, id: string): Promise<OperationSummary> {
  return summaryOf(await describe(client, id));
}

async function describe(client: Client, id: string) {
  try {
    return await client.workflow.getHandle(id).describe();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw new ClientError(EXIT.usage, `Cannot find operation "${id}"`, {
      expectation: 'an id that "zonewright op list --all" shows',
    });
  }
}

export interface Explained {
  readonly explanation: Explanation;
  /** `memo` when nobody answered and what the operation said last is shown instead. */
  readonly from: 'operation' | 'memo';
  /** False when no worker polls the operation's queue: nothing moves until one does. */
  readonly workerPolling: boolean;
}

/** Why an operation waits, also while no worker runs. */
export async function explainOperation(client: Client, id: string): Promise<Explained> {
  const { memo, taskQueue } = await describe(client, id);
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
  await describe(client, id);
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
    throw new ClientError(EXIT.failed, `Cannot ${control} "${id}": no worker answered`, { cause: error });
  }
}
