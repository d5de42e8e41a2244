/** Runs one operation, disturbed or not, and says what came of it. */
import type { WorkflowHandle } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { withAws } from '../../../clients/aws.ts';
import { listRecords, type OperationRecord } from '../../../clients/records.ts';
import { QUEUES, type OperationType } from '../../../domain/operations.ts';
import type { Explanation, Progress } from '../../../domain/explain.ts';
import type { LoggedCall } from '../../../sandbox/aws/call-log.ts';
import { endState, withoutDrawn, type EndState } from './end-state.ts';
import type { Laboratory } from './laboratory.ts';

/** How to start an operation once. */
export interface Start {
  readonly type: OperationType;
  readonly workflowId: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** Names that differ from run to run. */
  readonly own: readonly string[];
}

export interface Ended {
  readonly workflowId: string;
  /** What went wrong, innermost words first; absent after success. */
  readonly failure?: string;
  /** Result and steps without what each run draws anew. */
  readonly result: string;
  readonly record: OperationRecord | undefined;
  readonly endState: EndState;
  readonly events: number;
  readonly calls: readonly LoggedCall[];
  readonly ms: number;
}

/** What happens to an operation while it runs; ends by itself, or when the operation has ended. */
export type Disturb = (running: { readonly handle: WorkflowHandle; readonly ended: AbortSignal }) => Promise<void>;

/** A run that takes longer hangs. */
const LIMIT_MS = 15 * 60_000;
/** A workflow task that a dead worker took is given to the next after this long. */
const TASK_TIMEOUT = '5 seconds';

const undisturbed: Disturb = () => Promise.resolve();

/** @throws {Error} saying where the operation stands when it does not end */
export async function run(lab: Laboratory, start: Start, disturb: Disturb = undisturbed): Promise<Ended> {
  const { temporal, front } = lab;
  const before = await front.inventory();
  const [last] = (await front.calls()).slice(-1);
  const began = performance.now();
  const handle = await temporal.workflow.start(start.type, {
    taskQueue: QUEUES.workflows,
    workflowId: start.workflowId,
    workflowTaskTimeout: TASK_TIMEOUT,
    args: [start.input],
  });
  const ended = new AbortController();
  const settled = Promise.race([outcomeOf(handle), hanging(handle, ended.signal)]);
  const [outcome] = await Promise.all([
    settled.finally(() => ended.abort()),
    disturb({ handle, ended: ended.signal }),
  ]);
  const ms = performance.now() - began;
  const after = await front.inventory();
  const own = [...start.own, start.workflowId];
  return {
    workflowId: start.workflowId,
    ...(outcome.failure === undefined ? {} : { failure: outcome.failure }),
    result: withoutDrawn(JSON.stringify(outcome.result ?? null), own),
    record: await recordOf(lab, start.workflowId),
    endState: endState(before, after, own),
    events: (await handle.describe()).historyLength,
    calls: await front.calls(last?.sequence),
    ms,
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
  const open = steps.filter((step) => step.state !== 'done').map(({ step, state, error = '' }) => `${step} ${state} ${error}`);
  return [`${state}: ${headline}`, ...open].join('\n');
}

/** The record is the last thing that an operation writes. */
function recordOf({ context }: Laboratory, workflowId: string): Promise<OperationRecord | undefined> {
  return withAws(context, async (aws) => {
    const records = await listRecords(aws, context.store.bucket, { workflowId, limit: 1 });
    return records[0];
  });
}
