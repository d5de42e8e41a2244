import { ScheduleNotFoundError, type Client, type ScheduleDescription } from '@temporalio/client';
import { ClientError, EXIT } from '../errors.ts';
import type { ScheduleMemo } from './put-schedule.ts';

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

const isOurs = (memo: unknown): memo is ScheduleMemo =>
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
export async function mustDescribe(client: Client, id: string): Promise<ScheduleDescription> {
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
  const ours = (memo as unknown as ScheduleMemo).zonewright;
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
