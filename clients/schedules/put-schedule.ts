/** Operations that begin by themselves: Temporal's schedules, as far as they are ours. */
import {
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
  type Client,
  type ScheduleOptions,
} from '@temporalio/client';
import { operations, QUEUES } from '../../domain/operations.ts';
import type { OperationType } from '../../domain/operations.ts';

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

/** By which schedules are known to be ours. */
export interface ScheduleMemo {
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
  const memo: ScheduleMemo = { zonewright: { type, zone, everyMs } };
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
