/** Runs operations, disturbed or not, and says what came of them. */
import type { WorkflowHandle } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { withAws } from '../../../clients/aws.ts';
import { listRecords, type OperationRecord } from '../../../clients/records.ts';
import { QUEUES, type OperationType } from '../../../domain/operations.ts';
import type { Explanation, Progress } from '../../../domain/explain.ts';
import type { LoggedCall } from '../../../sandbox/aws/call-log.ts';
import type { InventoryItem } from '../../../sandbox/aws/inventory.ts';
import { endState, withoutDrawn, type EndState } from './end-state.ts';
import type { Laboratory } from './laboratory.ts';

/** How to start an operation once. */
export interface Start {
  readonly type: OperationType;
  readonly workflowId: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** Names that differ from run to run, in ids and tags of what it makes. */
  readonly own: readonly string[];
  /** Fields of its result that are the same in each run; absent: all of them. */
  readonly counts?: readonly string[];
  /** How long it waits before its first step; absent: not at all. */
  readonly startDelayMs?: number;
}

export interface Ended {
  readonly type: OperationType;
  readonly workflowId: string;
  /** What went wrong, innermost words first; absent after success. */
  readonly failure?: string;
  /** Without what each run draws anew. */
  readonly result: string;
  readonly record: OperationRecord | undefined;
  readonly events: number;
  readonly ms: number;
}

/** A few operations that ran side by side, and what is there since. */
export interface Phase {
  readonly ended: readonly Ended[];
  /** Against what was there before the first phase. */
  readonly endState: EndState;
  readonly calls: readonly LoggedCall[];
  readonly ms: number;
}

/** What happens to operations while they run; ends by itself, or when they have ended. */
export type Disturb = (handles: readonly WorkflowHandle[], over: AbortSignal) => Promise<void>;

/** A run that takes longer hangs. */
const LIMIT_MS = 15 * 60_000;
/** A workflow task that a dead worker took is given to the next after this long. */
const TASK_TIMEOUT = '4 seconds';

const undisturbed: Disturb = () => Promise.resolve();

/**
 * Runs operations side by side until all have ended.
 *
 * @param ground what was there before anything was made
 * @throws {Error} saying where an operation stands that does not end
 */
export async function runPhase(
  lab: Laboratory,
  starts: readonly Start[],
  ground: readonly InventoryItem[],
  disturb: Disturb = undisturbed,
): Promise<Phase> {
  const { front } = lab;
  const last = (await front.calls()).at(-1);
  const began = performance.now();
  const handles = await Promise.all(starts.map((start) => begin(lab, start)));
  const over = new AbortController();
  const all = Promise.all(
    starts.map((start, n) => ending(lab, start, handles[n] as WorkflowHandle, over.signal)),
  );
  const [ended] = await Promise.all([all.finally(() => over.abort()), disturb(handles, over.signal)]);
  const own = starts.flatMap((start) => start.own);
  return {
    ended,
    endState: endState(ground, await front.inventory(), own),
    calls: await front.calls(last?.sequence),
    ms: performance.now() - began,
  };
}

const begin = (
  { temporal }: Laboratory,
  { type, workflowId, input, startDelayMs }: Start,
): Promise<WorkflowHandle> =>
  temporal.workflow.start(type, {
    taskQueue: QUEUES.workflows,
    workflowId,
    workflowTaskTimeout: TASK_TIMEOUT,
    ...(startDelayMs === undefined ? {} : { startDelay: startDelayMs }),
    args: [input],
  });

async function ending(
  lab: Laboratory,
  { type, own, counts }: Start,
  handle: WorkflowHandle,
  over: AbortSignal,
): Promise<Ended> {
  const began = performance.now();
  const { failure, result } = await Promise.race([outcomeOf(handle), hanging(handle, over)]);
  return {
    type,
    workflowId: handle.workflowId,
    ...(failure === undefined ? {} : { failure }),
    result: withoutDrawn(JSON.stringify(result ?? null, counts && [...counts]), own),
    record: await recordOf(lab, handle.workflowId),
    events: (await handle.describe()).historyLength,
    ms: performance.now() - began,
  };
}

interface Outcome {
  readonly failure?: string;
  readonly result?: unknown;
}

async function outcomeOf(handle: WorkflowHandle): Promise<Outcome> {
  try {
    return { result: (await handle.result()) as unknown };
  } catch (error) {
    const words: string[] = [];
    for (let at: unknown = error; at instanceof Error; at = at.cause) words.unshift(at.message);
    return { failure: words.join(' < ') };
  }
}

/** Rejects when the operation takes too long; as long as it does not, it never settles. */
async function hanging(handle: WorkflowHandle, ended: AbortSignal): Promise<never> {
  try {
    await sleep(LIMIT_MS, undefined, { signal: ended, ref: false });
  } catch {
    return new Promise<never>(() => undefined);
  }
  throw new Error(`"${handle.workflowId}" does not end: ${await standing(handle)}`);
}

/** Where an operation stands, in a few lines. */
export async function standing(handle: WorkflowHandle): Promise<string> {
  const { headline, state } = await handle.query<Explanation>('explain');
  const { steps } = await handle.query<Progress>('progress');
  const open = steps
    .filter((step) => step.state !== 'done')
    .map(({ step, state, error = '' }) => `${step} ${state} ${error}`);
  return [`${state}: ${headline}`, ...open].join('\n');
}

/** The record is the last thing that an operation writes. */
function recordOf({ context }: Laboratory, workflowId: string): Promise<OperationRecord | undefined> {
  return withAws(context, async (aws) => {
    const records = await listRecords(aws, context.store.bucket, { workflowId, limit: 1 });
    return records[0];
  });
}
