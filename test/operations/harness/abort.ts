/** Aborts the operations of a row, each at a moment of its own: nothing of it stays, everything is as it was before. */
import type { WorkflowHandle } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { differences, MAY_STAY } from './end-state.ts';
import type { Laboratory } from './laboratory.ts';
import { runPhase, type Ended } from './run.ts';
import { nextRun, withWorker } from './scenario.ts';
import type { Variant } from './variants.ts';
import type { ZoneRow } from './zone-rows.ts';
import { zoneState } from './zone-state.ts';

export interface Aborted {
  readonly type: string;
  readonly event: number;
  /** `aborted`; or `done` where it was too late for an abort. */
  readonly outcome: string;
  readonly problems: readonly string[];
}

/**
 * Runs each step aborted first, then to its end, so that the row comes back to where it began.
 *
 * @param events after how many events each step is aborted
 */
export function runAborted(
  lab: Laboratory,
  zone: string,
  row: ZoneRow,
  events: readonly number[],
  variant: Variant,
): Promise<Aborted[]> {
  return withWorker(variant, async () => {
    const all: Aborted[] = [];
    for (const [n, { type, prepare }] of row.steps.entries()) {
      const run = async (during: (handle: WorkflowHandle) => Promise<void>): Promise<Ended> => {
        const start = { type, ...(await prepare(lab, zone, nextRun())) };
        const ground = await lab.front.inventory();
        const before = await zoneState(lab, zone, start.own);
        const { ended, endState } = await runPhase(lab, [start], ground, async ([handle]) =>
          during(handle as WorkflowHandle),
        );
        const [one] = ended as readonly [Ended];
        const outcome = one.record?.outcome ?? 'without a record';
        if (outcome !== 'done') {
          const after = await zoneState(lab, zone, start.own);
          const left = endState.filter((line) => !MAY_STAY.test(line));
          const problems = [...left, ...differences(before, after)];
          all.push({ type, event: events[n] ?? 0, outcome, problems });
        }
        return one;
      };
      const first = await run(abortAt(events[n] ?? 0));
      const last = first.record?.outcome === 'aborted' ? await run(nothing) : first;
      if (last.failure !== undefined)
        throw new Error(`Cannot go on with "${row.name}": ${type} failed: ${last.failure}`);
    }
    return all;
  });
}

const nothing = (): Promise<void> => Promise.resolve();

/** Asks for the abort once the history has so many events; that it is too late for one is no error. */
const abortAt =
  (events: number) =>
  async (handle: WorkflowHandle): Promise<void> => {
    for (;;) {
      const { historyLength, status } = await handle.describe();
      if (status.name !== 'RUNNING') return;
      if (historyLength >= events) break;
      await sleep(50);
    }
    await handle
      .executeUpdate('abort', { args: [{ actor: 'harness', reason: `after event ${events}` }] })
      .catch(() => undefined);
  };
