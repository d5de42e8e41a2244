import {
  type ActivityOptions,
  CancellationScope,
  TemporalFailure,
  condition,
  isCancellation,
  patched,
  scheduleActivity,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Checks, ZoneChecks } from '../activities/index.ts';
import type { FailureType } from '../domain/errors.ts';
import type { Question } from '../domain/explain.ts';
import type { Fence } from '../domain/keeper/fence.ts';
import { operationIdOf, type OperationInput, QUEUES, zoneQueue } from '../domain/operations.ts';
import { Account } from './account.ts';
import { failureType, foreignIds, rootMessage } from './failure-types.ts';
import { ask, overcome } from './questions.ts';
import { LOOK, wait } from './retries.ts';
import { type UndoEntry } from './undo.ts';

type AllChecks = Checks & ZoneChecks;

type CheckName = keyof AllChecks & string;

type CheckInput<N extends CheckName> = Parameters<AllChecks[N]>[0];

type CheckResult<N extends CheckName> = AllChecks[N] extends (...args: never[]) => Promise<infer R>
  ? R
  : never;

export interface WaitOptions {
  /** As a person reads it: "builder i-0abc to power off". */
  readonly what: string;
  readonly giveUpMs: number;
  /** After this long without success people are told: state `blocked`. */
  readonly progressMs?: number;
  /** How long one attempt may take; a minute without it. */
  readonly attemptMs?: number;
  readonly zone?: string;
  /** In the Temporal UI; "waiting for <what>" without it. */
  readonly summary?: string;
}

export interface FailedEnd {
  /** True when what was made shall stay. */
  readonly kept: boolean;
  /** Steps that could not be undone. */
  readonly stuck: readonly string[];
}

/** What one operation works with; made by `runOperation`. */
export interface Operation {
  /** Identity written to tags: workflow id and the first run's id, so that a later operation under the same id differs. */
  readonly id: string;
  readonly input: OperationInput & { readonly zone?: string | undefined };
  readonly account: Account;
  readonly undos: UndoEntry[];
  /** Ids of what is shared with other operations, or planted by others: neither undone nor swept. */
  readonly shared: Set<string>;
  /** Called when the operation has failed and what was to be undone is: what keeps account of its steps follows. */
  readonly afterFailure: ((end: FailedEnd) => Promise<void>)[];
  /** Plans at work; undo waits for them. */
  readonly running: Set<Promise<unknown>>;
  /** Why the operation ends; from then on no step starts and nothing is asked. */
  ending: TemporalFailure | undefined;
  /** Its lease on the zone, which every effect carries; none where it conflicts with nobody on a zone. */
  fence: Fence | undefined;
  /** True when its end is the end of the zone: nobody has to be admitted to it any more. */
  endsZone: boolean;
  /** Resolves when not paused; throws when aborted or when another step's failure ends the operation. */
  gate(): Promise<void>;
  /** A read-only activity. */
  check<N extends CheckName>(
    name: N,
    input: CheckInput<N>,
    summary: string,
    zone?: string,
  ): Promise<CheckResult<N>>;
  /** A waiting activity: throws `NotYet` until what it waits for has happened. */
  waitFor<N extends CheckName>(name: N, input: CheckInput<N>, options: WaitOptions): Promise<CheckResult<N>>;
  /** Asks a person; the default is taken at the deadline, and at once when nobody may be asked. */
  ask(question: Pick<Question, 'id' | 'text' | 'choices' | 'default'>): Promise<string>;
  /**
   * Passes the point of no return: forgets all undos and runs `body`, which no abort reaches any more.
   *
   * @param reason why an abort is refused from now on, as a person reads it
   */
  noReturn<T>(reason: string, body: () => Promise<T>): Promise<T>;
  /**
   * Runs `body` until it succeeds or a person or deadline decides otherwise. Failures of type `passing` are thrown
   * at once: whoever called decides about them.
   */
  orDecide<T>(step: string, body: (retries: number) => Promise<T>, passing?: FailureType): Promise<T>;
}

/** Operations that began before bear the beginning of their run id until they end. */
const ID_OF_THE_END = 'operation-id-of-the-end';

export function makeOperation(
  input: OperationInput & { zone?: string | undefined },
  account: Account,
): Operation {
  const { workflowId, firstExecutionRunId } = workflowInfo();
  let turn: Promise<void> = Promise.resolve();
  const operation: Operation = {
    id: patched(ID_OF_THE_END)
      ? operationIdOf(workflowId, firstExecutionRunId)
      : `${workflowId}.${firstExecutionRunId.slice(0, 8)}`,
    input,
    account,
    undos: [],
    shared: new Set(),
    afterFailure: [],
    running: new Set(),
    ending: undefined,
    fence: undefined,
    endsZone: false,
    gate: async () => {
      if (account.paused) await condition(() => !account.paused || operation.ending !== undefined);
      if (operation.ending) throw operation.ending;
    },
    check: async (name, args, summary, zone) => {
      await operation.gate();
      return operation.orDecide(
        summary,
        () => activity(name, args, { ...LOOK, summary }, zone),
        'MachineFailed',
      );
    },
    waitFor: async (name, args, options) => {
      await operation.gate();
      return operation.orDecide(options.what, () => waitOnce(account, name, args, options), 'MachineFailed');
    },
    ask: (question) => ask(operation, question),
    noReturn: async (reason, body) => {
      await operation.gate();
      account.noReturn = reason;
      operation.undos.length = 0;
      account.publish();
      return CancellationScope.nonCancellable(body);
    },
    orDecide: async (step, run, passing) => {
      for (let retries = 0; ; retries++) {
        try {
          const result = await run(retries);
          if (retries > 0) account.step(step, { state: 'done' });
          return result;
        } catch (error) {
          if (!(error instanceof TemporalFailure) || isCancellation(error)) throw error;
          if (passing !== undefined && failureType(error) === passing) throw error;
          account.step(step, { state: 'failed', error: rootMessage(error) });
          for (const id of foreignIds(error)) operation.shared.add(id);
          // One failure after the other: what is decided about the first may end the operation.
          const decided = turn.then(() => overcome(operation, step, error));
          turn = decided.catch(() => undefined);
          await decided;
        }
      }
    },
  };
  return operation;
}

/** Schedules a check, whatever state the operation is in. */
export const activity = <N extends CheckName>(
  name: N,
  args: CheckInput<N>,
  options: ActivityOptions,
  zone?: string,
) =>
  scheduleActivity<CheckResult<N>>(name, [args], {
    ...options,
    taskQueue: zone === undefined ? QUEUES.aws : zoneQueue(zone),
  });

async function waitOnce<N extends CheckName>(
  account: Account,
  name: N,
  args: CheckInput<N>,
  { what, giveUpMs, progressMs, attemptMs, zone, summary = `waiting for ${what}` }: WaitOptions,
): Promise<CheckResult<N>> {
  const until = new Date(Date.now() + giveUpMs).toISOString();
  return account.during({ what, until, then: 'a person decides, or the default is taken' }, async () => {
    const waiting = activity(name, args, { ...wait(giveUpMs, attemptMs), summary }, zone);
    if (progressMs === undefined) return waiting;
    const slow = new CancellationScope();
    let late = 0;
    const timer = slow.run(async () => {
      await sleep(progressMs, { summary: `progress deadline of: ${what}` });
      account.stalled += late = 1;
      account.publish();
    });
    timer.catch((error: unknown) => {
      if (!isCancellation(error)) throw error;
    });
    try {
      return await waiting;
    } finally {
      account.stalled -= late;
      slow.cancel();
    }
  });
}
