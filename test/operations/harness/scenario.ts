/** Runs all operations, phase after phase, in one way of being disturbed, and compares with a run that was not. */
import type { FaultInput } from '../../../sandbox/aws/faults.ts';
import { differences, SURPLUS, withoutDrawn } from './end-state.ts';
import type { Laboratory } from './laboratory.ts';
import { restore } from './restore.ts';
import { runPhase, type Disturb, type Ended, type Phase } from './run.ts';
import { SCENARIO, type Prepare } from './scenarios.ts';
import type { Variant } from './variants.ts';
import { Workers } from './workers.ts';
import { zoneState } from './zone-state.ts';

export interface Mode {
  readonly variant?: Variant;
  /** Armed at the beginning of the nth phase. */
  readonly faults?: (phase: number) => readonly FaultInput[];
  readonly disturb?: (phase: number, worker: Workers) => Disturb;
  readonly phases?: readonly (readonly Prepare[])[];
  /** A zone that is there before and after, and is looked into; without it the account is empty at first. */
  readonly zone?: string;
}

let runs = 0;
/** Unlike every other run's of this process and of others. */
export const nextRun = (): string => `${process.pid}-${++runs}`;

/** Ends with the first phase of which an operation fails. */
export async function runScenario(lab: Laboratory, mode: Mode = {}): Promise<readonly Phase[]> {
  const { variant, faults, disturb, phases = SCENARIO, zone } = mode;
  if (zone === undefined) await withWorker('plain', () => restore(lab));
  return withWorker(variant, async (worker) => {
    const ground = await lab.front.inventory();
    const inside = zone === undefined ? [] : await zoneState(lab, zone);
    const done: Phase[] = [];
    const run = nextRun();
    for (const [n, prepares] of phases.entries()) {
      const starts = await Promise.all(prepares.map((prepare) => prepare(lab, run)));
      await lab.front.fault(faults?.(n) ?? []);
      const phase = await runPhase(lab, starts, ground, disturb?.(n, worker));
      await lab.front.clearFaults();
      const own = starts.flatMap((start) => start.own);
      const changed = zone === undefined ? [] : differences(inside, await zoneState(lab, zone, own));
      done.push({ ...phase, endState: [...phase.endState, ...changed] });
      if (phase.ended.some(({ failure }) => failure !== undefined)) break;
    }
    return done;
  });
}

export async function withWorker<T>(
  variant: Variant | undefined,
  body: (worker: Workers) => Promise<T>,
): Promise<T> {
  const worker = new Workers(variant);
  await worker.start();
  try {
    return await body(worker);
  } finally {
    await worker.stop();
  }
}

/** What distinguishes a disturbed run from an undisturbed one, a line each; empty when it came to the same. */
export function problems(expected: readonly Phase[], actual: readonly Phase[]): string[] {
  return actual.flatMap(({ ended, endState }, n) => {
    const failed = ended.some(({ failure }) => failure !== undefined);
    const different = differences(expected[n]?.endState ?? [], endState);
    return [
      ...ended.flatMap((one, m) => problemsOf(expected[n]?.ended[m], one)),
      // What a failed operation has not made is no news.
      ...different.filter((line) => !failed || line.startsWith(SURPLUS)),
    ];
  });
}

function problemsOf(expected: Ended | undefined, { type, failure, result, record }: Ended): string[] {
  if (failure !== undefined) return [`${type} failed: ${failure}`];
  const said = (what: string, before = '', now = '') =>
    before === now ? [] : [`${type} ended with ${what} ${now}, undisturbed with ${before}`];
  return [
    ...said('result', expected?.result, result),
    ...said('outcome', expected?.record?.outcome, record?.outcome),
    ...said('steps', stepsOf(expected), stepsOf({ record })),
  ];
}

/** Steps and their states; they end in another order each time. */
const stepsOf = (ended: Pick<Ended, 'record'> | undefined): string =>
  (ended?.record?.steps ?? [])
    .map(({ step, state }) => withoutDrawn(`${step} ${state}`))
    .toSorted()
    .join(', ');
