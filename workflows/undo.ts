import { CancellationScope, log, scheduleActivity, sleep, TemporalFailure } from '@temporalio/workflow';
import type { EffectInput, SweepScope } from '../activities/effect.ts';
import type { SweepResult } from '../activities/checks/sweep.ts';
import { QUEUES } from '../domain/operations.ts';
import type { Kind } from '../domain/resources/index.ts';
import { rootMessage } from './failure-types.ts';
import type { Operation } from './operation.ts';
import { queueOf } from './queues.ts';
import { LOOK, UNDO } from './retries.ts';

/** How to undo one step; registered before its do is scheduled, since a step that timed out may have taken effect. */
export interface UndoEntry {
  readonly kind: Kind;
  readonly input: EffectInput;
  /** Later layers are undone before earlier ones; entries of one layer at the same time. */
  readonly layer: number;
  /** Always undone, also after success: builders, their network. */
  readonly temporary: boolean;
  readonly zone: string | undefined;
  /** True while its do is asked for and has not answered; what it asked for may then appear later. */
  unanswered?: boolean;
}

/** Whose undo it is: without the operation's lease on its zone nothing of the zone may be unmade. */
export type Undoing = Pick<Operation, 'account' | 'fence'>;

/** Runs the undos, later layers first, also under cancellation. Returns the steps that could not be undone. */
export async function unwind(entries: readonly UndoEntry[], operation: Undoing): Promise<string[]> {
  const stuck: string[] = [];
  const layers = Map.groupBy(entries, (entry) => entry.layer);
  await CancellationScope.nonCancellable(async () => {
    for (const layer of [...layers.keys()].toSorted((a, b) => b - a)) {
      await Promise.all((layers.get(layer) ?? []).map((entry) => undoOne(entry, operation, stuck)));
    }
  });
  return stuck;
}

async function undoOne(
  { kind, input, zone, unanswered }: UndoEntry,
  { account, fence }: Undoing,
  stuck: string[],
): Promise<void> {
  const { step } = input.owner;
  account.step(step, { state: 'undoing' });
  try {
    const undo = { ...input, ...(unanswered ? { mayAppear: true } : {}), fence };
    await scheduleActivity<void>(`${kind}.delete`, [undo], {
      ...UNDO,
      taskQueue: queueOf(kind, zone),
      summary: `undoing ${step}`,
    });
    account.step(step, { state: 'undone' });
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    log.error('Cannot undo step', { step, error });
    account.step(step, { state: 'left', error: rootMessage(error) });
    stuck.push(step);
  }
}

/** After so many looks that are not clean, a person has to look. */
const MAX_LOOKS = 4;

export interface SweepOptions {
  /** Ids of what shall stay, and of what others put there under our tags. */
  readonly kept: ReadonlySet<string>;
  /** How to undo what a step made late. What no step of these made is reported, never deleted: tags can be planted. */
  readonly undos: readonly UndoEntry[];
  /** The only kinds that the scope can hold; all without it. */
  readonly kinds?: readonly Kind[];
}

/**
 * Proves that nothing of the scope is left but what is kept: looked for twice, the second time after every request that
 * may still be under way has taken effect or died. What a step made late is undone, and looked for again.
 */
export async function sweep(
  scope: SweepScope,
  { kept, undos, kinds }: SweepOptions,
  operation: Undoing,
): Promise<string[]> {
  return CancellationScope.nonCancellable(async () => {
    const options = { ...LOOK, taskQueue: QUEUES.aws };
    let clean = 0;
    let found: SweepResult = { left: [], againAfterMs: 0 };
    try {
      for (let round = 1; clean < 2 && (round <= MAX_LOOKS || clean > 0); round++) {
        const summary = `looking for leftovers (${round})`;
        const look = { scope, kept: [...kept], ...(kinds === undefined ? {} : { kinds }) };
        found = await scheduleActivity<SweepResult>('sweep', [look], { ...options, summary });
        clean = found.left.length === 0 ? clean + 1 : 0;
        const steps = new Set(found.left.map(({ step }) => step));
        await unwind(
          undos.filter(({ input }) => steps.has(input.owner.step)),
          operation,
        );
        if (clean < 2) await sleep(found.againAfterMs, { summary: 'letting late requests land' });
      }
    } catch (error) {
      if (!(error instanceof TemporalFailure)) throw error;
      return [`unknown, since it cannot be looked up (${rootMessage(error)})`];
    }
    return found.left.map(({ kind, id }) => `${kind} ${id}`);
  });
}
