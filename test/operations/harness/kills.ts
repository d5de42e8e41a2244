/** Kills the worker after chosen events of an operation's history. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { createHash } from 'node:crypto';
import type { Disturb } from './run.ts';
import type { KillableWorker } from './worker.ts';

/** Of this test run; printed by it, and taken from `--seed` to repeat it. */
export const seed = process.env['ZONEWRIGHT_SEED'] ?? String(Date.now() % 100_000);

/** True in `npm run gate`, where nothing is sampled. */
export const isGate = process.env['ZONEWRIGHT_GATE'] === '1';

/** A number from 0 up to 1, the same for the same seed and words. */
function drawn(...words: readonly unknown[]): number {
  const digest = createHash('sha256').update(JSON.stringify([seed, ...words]));
  return digest.digest().readUInt32BE() / 2 ** 32;
}

/** Numbers from `first` to `last`, one out of each of `count` equal stretches. */
export function drawPoints(name: string, count: number, first: number, last: number): number[] {
  const stretch = (last - first + 1) / count;
  return Array.from({ length: count }, (_, n) => Math.floor(first + (n + drawn(name, n)) * stretch));
}

/** Kills and restarts the worker as soon as the history has reached each point; notes in `killed` where it was. */
export const killAt =
  (temporal: Client, worker: KillableWorker, points: readonly number[], killed: number[]): Disturb =>
  async ({ handle, ended }) => {
    const waiting = points.toSorted((a, b) => a - b);
    for await (const event of historyOf(temporal, handle, ended)) {
      if (event < (waiting[0] ?? Infinity)) continue;
      await worker.kill();
      killed.push(event);
      while (event >= (waiting[0] ?? Infinity)) waiting.shift();
      await worker.start();
    }
  };

/** Numbers of the last event of each answer, as the history grows. */
async function* historyOf(temporal: Client, handle: WorkflowHandle, ended: AbortSignal): AsyncGenerator<number> {
  const request = {
    namespace: temporal.options.namespace,
    execution: { workflowId: handle.workflowId },
    waitNewEvent: true,
  };
  for (let nextPageToken: Uint8Array | undefined; !ended.aborted;) {
    const { history, ...answer } = await temporal.workflowService.getWorkflowExecutionHistory({
      ...request,
      ...(nextPageToken === undefined ? {} : { nextPageToken }),
    });
    const last = history?.events?.at(-1)?.eventId;
    if (last !== undefined && last !== null) yield Number(last);
    nextPageToken = answer.nextPageToken?.length ? answer.nextPageToken : undefined;
    if (nextPageToken === undefined) return;
  }
}
