/** Operations as a client sees them: started, listed, described. */
import { hostname, userInfo } from 'node:os';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type {
  Client,
  WorkflowExecutionInfo,
  WorkflowHandle,
  WorkflowIdConflictPolicy,
} from '@temporalio/client';
import type { Explanation } from '../domain/explain.ts';
import { operationIdOf, operations, QUEUES, SEARCH_ATTRIBUTES } from '../domain/operations.ts';
import type { OperationType } from '../domain/operations.ts';
import { ClientError, EXIT } from './errors.ts';
import { closedState, closedStatus } from './states.ts';

export interface OperationSummary {
  readonly id: string;
  readonly runId: string;
  /** Identity over all runs: the id and the end of its first run's id, as in tags and records. */
  readonly operation: string;
  readonly type: string;
  readonly zone?: string;
  readonly actor?: string;
  /** `running`, `waiting`, `blocked`, `undoing` as long as it is open; then `done`, `failed`, `terminated` ... */
  readonly state: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  /** What it said last while open: what it waits for or asks. */
  readonly headline?: string;
  /** All that it said last. */
  readonly said?: Explanation;
}

/** Who asks: `ZONEWRIGHT_ACTOR`, else the user on this computer. */
export const actor = (): string => process.env['ZONEWRIGHT_ACTOR'] || `${userInfo().username}@${hostname()}`;

/** How every operation's input begins that a person starts from here. */
export const askerOf = ({
  reason,
  ifFree,
}: {
  readonly reason: string;
  readonly ifFree?: boolean | undefined;
}): { readonly actor: string; readonly reason: string; readonly whenHeld?: 'refuse' } => ({
  actor: actor(),
  reason,
  ...(ifFree === true ? { whenHeld: 'refuse' } : {}),
});

export interface Start {
  readonly type: OperationType;
  readonly id: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** `USE_EXISTING` where concurrent callers share one run; `FAIL` where a second one is refused. */
  readonly whenRunning: WorkflowIdConflictPolicy;
  /** Id of the wish that starts it, kept in its memo: one that is delivered twice is recognised. */
  readonly request?: string;
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
      // What the Temporal UI shows of it beside its history.
      staticSummary: operations[start.type].summary,
      staticDetails: detailsOf(start.input),
      ...(start.request === undefined ? {} : { memo: { request: start.request } }),
      args: [start.input],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new ClientError(EXIT.refused, `Cannot start "${start.id}": an operation of this id is running`, {
      expectation: `none; look at it with "zonewright op show ${start.id}"`,
    });
  }
}

/** Who asked and why, as Markdown. */
const detailsOf = ({ actor: who, actorName, reason }: Start['input']): string =>
  [
    `started by ${actorName ? `${String(actorName)} (${String(who)})` : String(who)}`,
    reason ? `: ${String(reason)}` : '',
  ].join('');

export interface OperationFilter {
  readonly zone?: string | undefined;
  readonly type?: string | undefined;
  readonly state?: string | undefined;
  /** Those that have ended since then as well. */
  readonly endedSince?: Date | undefined;
  /** Closed ones as well. */
  readonly all?: boolean | undefined;
  readonly limit: number;
}

/** Operations known to Temporal, the latest first. */
export async function listOperations(client: Client, filter: OperationFilter): Promise<OperationSummary[]> {
  const terms = [`${SEARCH_ATTRIBUTES.operation} IS NOT NULL`];
  if (filter.zone !== undefined) terms.push(`${SEARCH_ATTRIBUTES.zone} = ${quoted(filter.zone)}`);
  if (filter.type !== undefined) terms.push(`WorkflowType = ${quoted(filter.type)}`);
  if (filter.state !== undefined) terms.push(termOf(filter.state));
  else if (filter.endedSince !== undefined) {
    terms.push(`(ExecutionStatus = 'Running' OR CloseTime >= '${filter.endedSince.toISOString()}')`);
  } else if (filter.all !== true) terms.push("ExecutionStatus = 'Running'");
  const found: OperationSummary[] = [];
  for await (const info of client.workflow.list({ query: terms.join(' AND '), pageSize: filter.limit })) {
    found.push(summaryOf(info));
    if (found.length === filter.limit) break;
  }
  return found.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt));
}

/** What was terminated still bears the state that it had last. */
function termOf(state: string): string {
  const closed = closedStatus(state);
  if (closed !== undefined) return `ExecutionStatus = '${closed}'`;
  return `ExecutionStatus = 'Running' AND ${SEARCH_ATTRIBUTES.state} = ${quoted(state)}`;
}

/** In a visibility query. */
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

type Facts = Pick<
  WorkflowExecutionInfo,
  'workflowId' | 'runId' | 'type' | 'status' | 'searchAttributes' | 'startTime' | 'memo'
> & {
  readonly closeTime?: Date | undefined;
  readonly raw: { readonly firstRunId?: string | null; readonly workflowExecutionInfo?: FirstRun | null };
};
interface FirstRun {
  readonly firstRunId?: string | null;
}

function summaryOf(info: Facts): OperationSummary {
  const attribute = (name: string): string | undefined => {
    const values = info.searchAttributes[name];
    return values === undefined ? undefined : String(values[0]);
  };
  const open = info.status.name === 'RUNNING';
  const said = info.memo?.['explain'] as Explanation | undefined;
  const { raw } = info;
  const firstRun = raw.firstRunId || raw.workflowExecutionInfo?.firstRunId || info.runId;
  const zone = attribute(SEARCH_ATTRIBUTES.zone);
  const by = attribute(SEARCH_ATTRIBUTES.actor);
  return {
    id: info.workflowId,
    runId: info.runId,
    operation: operationIdOf(info.workflowId, firstRun),
    type: info.type,
    ...(zone === undefined ? {} : { zone }),
    ...(by === undefined ? {} : { actor: by }),
    state: open ? (attribute(SEARCH_ATTRIBUTES.state) ?? 'running') : closedState(info.status.name),
    startedAt: info.startTime.toISOString(),
    ...(open && said !== undefined ? { headline: said.headline, said } : {}),
    ...(info.closeTime === undefined ? {} : { endedAt: info.closeTime.toISOString() }),
  };
}

/** @throws {ClientError} when there is no operation of this id */
export async function describeOperation(client: Client, id: string): Promise<OperationSummary> {
  return summaryOf(await describeWorkflow(client, id));
}

/** What Temporal knows of it. @throws {ClientError} when there is no operation of this id */
export async function describeWorkflow(client: Client, id: string, runId?: string) {
  try {
    return await client.workflow.getHandle(id, runId).describe();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw new ClientError(EXIT.usage, `Cannot find operation "${id}"`, {
      expectation: 'an id that "zonewright op list --all" shows',
    });
  }
}
