/** Operations that begin by themselves: Temporal's schedules, as far as they are ours. */
import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type Client,
  type ScheduleDescription,
  type ScheduleOptions,
} from '@temporalio/client';
import { operations, QUEUES } from '../domain/operations.ts';
import type { OperationType } from '../domain/operations.ts';
import { ClientError, EXIT } from './errors.ts';
import { actor } from './operations.ts';

/** Below this an operation cannot end, clean up and say so before the next begins. */
export const SHORTEST_MS = 5 * 60_000;

export interface ScheduleRequest {
  /** Also the beginning of its operations' ids. */
  readonly id: string;
  readonly type: OperationType;
  readonly zone: string;
  readonly everyMs: number;
  /** The operation's input, without what every schedule says itself: actor and limit. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly reason: string;
}

export interface ScheduleSummary {
  readonly id: string;
  readonly type: string;
  readonly zone: string;
  readonly everyMs: number;
  readonly paused: boolean;
  readonly note: string;
  readonly next: string | null;
  /** Operations that it started last, the latest first. */
  readonly recent: readonly { readonly operation: string; readonly at: string }[];
}

/** What it started and what it could not. */
export interface ScheduleDetails extends ScheduleSummary {
  readonly input: unknown;
  readonly taken: number;
  /** Not started, since the one before was still at work. */
  readonly skipped: number;
  /** Not started, since Temporal was away for longer than is caught up with. */
  readonly missed: number;
  readonly running: readonly string[];
  readonly createdAt: string;
}

interface Memo {
  readonly zonewright: { readonly type: OperationType; readonly zone: string; readonly everyMs: number };
}

/** Of its interval: what an operation may take by its own deadlines, and after which Temporal ends it. */
const LIMIT = 0.8;
const RUN_TIMEOUT = 0.95;

/**
 * Makes a schedule, or changes the one that is there; a paused one stays paused. One operation at a time: what would
 * overlap is skipped. After an outage what was missed within half an interval is caught up with.
 *
 * @returns whether it was made
 */
export async function putSchedule(client: Client, request: ScheduleRequest): Promise<{ created: boolean }> {
  const options = optionsOf(request);
  try {
    await client.schedule.create(options);
    return { created: true };
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const { spec, action, policies } = options;
    await client.schedule.getHandle(request.id).update(({ state }) => ({
      ...{ spec, action },
      ...(policies === undefined ? {} : { policies }),
      state: { paused: state.paused, note: state.note ?? '' },
    }));
    return { created: false };
  }
}

function optionsOf({ id, type, zone, everyMs, input, reason }: ScheduleRequest): ScheduleOptions {
  const memo: Memo = { zonewright: { type, zone, everyMs } };
  return {
    scheduleId: id,
    spec: { intervals: [{ every: everyMs }] },
    action: {
      type: 'startWorkflow',
      workflowType: type,
      taskQueue: QUEUES.workflows,
      workflowId: id,
      // Read when it is shown: Temporal keeps a schedule's memo as it was when it was made.
      args: [{ ...input, zone, reason, actor: `schedule:${id}`, limitMs: Math.floor(everyMs * LIMIT) }],
      workflowRunTimeout: Math.floor(everyMs * RUN_TIMEOUT),
      staticSummary: operations[type].summary,
      staticDetails: `started by schedule ${id}`,
      memo: { ...memo },
    },
    policies: {
      overlap: ScheduleOverlapPolicy.SKIP,
      catchupWindow: Math.floor(everyMs / 2),
      pauseOnFailure: false,
    },
    memo: { ...memo },
  };
}

/** All of ours, in the order of their ids. */
export async function listSchedules(client: Client): Promise<ScheduleSummary[]> {
  const found: ScheduleSummary[] = [];
  for await (const { scheduleId, memo } of client.schedule.list()) {
    if (!isOurs(memo)) continue;
    // The list lags behind; what a person has just done to one shall be seen.
    const described = await describe(client, scheduleId);
    if (described) found.push(summaryOf(described));
  }
  return found.toSorted((a, b) => a.id.localeCompare(b.id));
}

const isOurs = (memo: unknown): memo is Memo =>
  typeof memo === 'object' && memo !== null && 'zonewright' in memo;

async function describe(client: Client, id: string): Promise<ScheduleDescription | undefined> {
  try {
    return await client.schedule.getHandle(id).describe();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}

/** @throws {ClientError} when there is no such schedule, or it is not ours */
async function mustDescribe(client: Client, id: string): Promise<ScheduleDescription> {
  const found = await describe(client, id);
  if (found && isOurs(found.memo)) return found;
  const known = (await listSchedules(client)).map((one) => one.id);
  throw new ClientError(EXIT.usage, `Cannot find schedule "${id}"`, {
    expectation:
      known.length > 0
        ? `one of ${known.join(', ')}`
        : 'one that exists; "zonewright etcd backup --every" makes one',
  });
}

function summaryOf({
  scheduleId: id,
  memo,
  spec,
  action,
  state,
  info,
}: ScheduleDescription): ScheduleSummary {
  const ours = (memo as unknown as Memo).zonewright;
  const [interval] = spec.intervals ?? [];
  return {
    id,
    type: action.workflowType,
    zone: ours.zone,
    everyMs: interval?.every ?? ours.everyMs,
    paused: state.paused,
    note: state.note ?? '',
    next: state.paused ? null : (info.nextActionTimes[0]?.toISOString() ?? null),
    recent: info.recentActions
      .map(({ takenAt, action: { workflow } }) => ({
        operation: workflow.workflowId,
        at: takenAt.toISOString(),
      }))
      .toReversed(),
  };
}

export async function showSchedule(client: Client, id: string): Promise<ScheduleDetails> {
  const found = await mustDescribe(client, id);
  const { info, action } = found;
  return {
    ...summaryOf(found),
    input: action.args?.[0],
    taken: info.numActionsTaken,
    skipped: info.numActionsSkippedOverlap,
    missed: info.numActionsMissedCatchupWindow,
    running: info.runningActions.map(({ workflow }) => workflow.workflowId),
    createdAt: info.createdAt.toISOString(),
  };
}

/** @throws {ClientError} refused, when it is paused already, or not paused */
export async function setPaused(client: Client, id: string, paused: boolean, reason: string): Promise<void> {
  const { state } = await mustDescribe(client, id);
  if (state.paused === paused) {
    const is = paused ? `paused already${state.note ? `: ${state.note}` : ''}` : 'not paused';
    throw new ClientError(
      EXIT.refused,
      `Cannot ${paused ? 'pause' : 'resume'} schedule "${id}": it is ${is}`,
    );
  }
  const note = `${paused ? 'paused' : 'resumed'} by ${actor()}${reason === '' ? '' : `: ${reason}`}`;
  const handle = client.schedule.getHandle(id);
  await (paused ? handle.pause(note) : handle.unpause(note));
}

const STARTED_MS = 10_000;

/**
 * Starts its operation now, paused or not.
 *
 * @returns the id of the operation
 * @throws {ClientError} refused, naming the one that is at work
 */
export async function triggerSchedule(client: Client, id: string): Promise<string> {
  const { info } = await mustDescribe(client, id);
  const [running] = info.runningActions;
  if (running) {
    throw new ClientError(
      EXIT.refused,
      `Cannot trigger schedule "${id}": its operation "${running.workflow.workflowId}" is at work`,
    );
  }
  await client.schedule.getHandle(id).trigger(ScheduleOverlapPolicy.SKIP);
  const deadline = Date.now() + STARTED_MS;
  while (Date.now() < deadline) {
    const now = await mustDescribe(client, id);
    const latest = now.info.recentActions.at(-1);
    if (latest && now.info.numActionsTaken > info.numActionsTaken) return latest.action.workflow.workflowId;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new ClientError(
    EXIT.failed,
    `Schedule "${id}" was triggered and has started nothing within ${STARTED_MS / 1000} s`,
    { expectation: `an operation; look with "zonewright schedule show ${id}"` },
  );
}

export async function removeSchedule(client: Client, id: string): Promise<void> {
  await mustDescribe(client, id);
  await client.schedule.getHandle(id).delete();
}
