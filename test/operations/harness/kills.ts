/** Kills the workers after chosen events of an operation's history. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { createHash } from 'node:crypto';
import type { Disturb } from './run.ts';
import type { Workers } from './workers.ts';

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

/** One of these, drawn for a name. */
export const sampled = <T>(name: string, choices: readonly T[]): T | undefined =>
  choices[Math.floor(drawn('sampled', name) * choices.length)];

/** Where each operation was when the workers were killed. */
export type Killed = readonly { readonly workflowId: string; readonly event: number }[];

/**
 * Kills the workers as soon as an operation's history has reached its next point, and starts them at once. A kill
 * strikes all that run, so what another's point has killed since its last one needs no kill for its own.
 *
 * @param pointsOf events of each operation, in the order of the operations
 */
export function killAt(
  temporal: Client,
  workers: Workers,
  pointsOf: readonly (readonly number[])[],
): { readonly disturb: Disturb; readonly killed: () => Killed } {
  const killed: { workflowId: string; event: number }[] = [];
  const disturb: Disturb = async (handles, over) => {
    const watched = handles.map((handle, n) => ({
      handle,
      event: 0,
      waiting: [...(pointsOf[n] ?? [])],
      open: true,
    }));
    let killing = Promise.resolve();
    const kill = async () => {
      await workers.kill();
      for (const one of watched.filter(({ open }) => open)) {
        killed.push({ workflowId: one.handle.workflowId, event: one.event });
        // The point that is near counts as met.
        one.waiting.shift();
        while (one.event >= (one.waiting[0] ?? Infinity)) one.waiting.shift();
      }
      await workers.revive();
    };
    await Promise.all(
      watched.map(async (one) => {
        for await (const event of historyOf(temporal, one.handle, over)) {
          one.event = event;
          killing = killing.then(() => (event >= (one.waiting[0] ?? Infinity) ? kill() : undefined));
          await killing;
        }
        one.open = false;
      }),
    );
  };
  return { disturb, killed: () => killed };
}

/** Numbers of the last event of each answer, as the history grows. */
async function* historyOf(
  temporal: Client,
  handle: WorkflowHandle,
  ended: AbortSignal,
): AsyncGenerator<number> {
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
