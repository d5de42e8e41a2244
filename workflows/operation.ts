import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  isCancellation,
  scheduleActivity,
  log,
  sleep,
  TemporalFailure,
  TimeoutFailure,
  workflowInfo,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { Checks, ZoneChecks } from '../activities/index.ts';
import { InvalidInput, ZonewrightError, type FailureType } from '../domain/errors.ts';
import type { Question } from '../domain/explain.ts';
import {
  QUEUES,
  zoneQueue,
  type OperationInput,
  operations,
  type OperationRow,
} from '../domain/operations.ts';
import { parse } from '../domain/parse.ts';
import type { z } from 'zod';
import { Account } from './account.ts';
import { ABORTED, installControls } from './controls.ts';
import { LOOK, UNDO, wait } from './retries.ts';
import { rootMessage, sweep, unwind, type UndoEntry } from './undo.ts';

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
  readonly zone?: string;
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
  /** Plans at work; undo waits for them. */
  readonly running: Set<Promise<unknown>>;
  /** Why the operation ends; from then on no step starts and nothing is asked. */
  ending: TemporalFailure | undefined;
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
   * Runs `body` until it succeeds or a person or deadline decides otherwise. Failures of type `passing` are thrown
   * at once: whoever called decides about them.
   */
  orDecide<T>(step: string, body: (retries: number) => Promise<T>, passing?: FailureType): Promise<T>;
}

/** The failure that leaves everything standing. */
const KEEP = 'Kept';

/**
 * Runs an operation: parses its input first, answers explain and the controls, and on failure or abort undoes what
 * was registered, proves by a sweep that nothing is left, and writes the record.
 */
export async function runOperation<S extends z.ZodType<OperationInput & { zone?: string | undefined }>, R>(
  schema: S,
  raw: unknown,
  body: (operation: Operation, input: z.output<S>) => Promise<R>,
): Promise<R> {
  const input = parseInput(schema, raw);
  const account = new Account(input);
  const root = new CancellationScope();
  const operation = makeOperation(input, account);
  installControls(account, () => root.cancel());
  root.cancelRequested.catch(() => {
    operation.ending ??= new CancelledFailure('Aborted');
    if (account.state === 'running') account.undoing(ABORTED);
  });
  account.announce();
  let result: R;
  try {
    result = await root.run(() => asFailures(() => body(operation, input)));
    // An abort may come together with the last answer; it was accepted, so it counts.
    if (root.consideredCancelled) throw new CancelledFailure('Aborted');
  } catch (error) {
    // A bug in workflow code undoes nothing: the task is retried until fixed code is deployed.
    if (!(error instanceof TemporalFailure)) throw error;
    const cause =
      root.consideredCancelled && !isCancellation(error) ? new CancelledFailure('Aborted', [], error) : error;
    throw await CancellationScope.nonCancellable(() => fail(operation, cause));
  }
  return CancellationScope.nonCancellable(() => succeed(operation, result));
}

/** What `domain/` refuses (a plan that cannot be made) is a failure of the operation, not a bug of the workflow. */
async function asFailures<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof ZonewrightError)) throw error;
    throw ApplicationFailure.create({
      type: error.type,
      nonRetryable: true,
      message: error.message,
      details: [error.details],
    });
  }
}

function parseInput<S extends z.ZodType>(schema: S, raw: unknown): z.output<S> {
  try {
    return parse(schema, raw, `the input of ${workflowInfo().workflowType}`);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw ApplicationFailure.nonRetryable(error.message, 'InvalidInput', { issues: error.issues });
  }
}

function makeOperation(input: OperationInput & { zone?: string | undefined }, account: Account): Operation {
  const { workflowId, firstExecutionRunId } = workflowInfo();
  let turn: Promise<void> = Promise.resolve();
  const operation: Operation = {
    id: `${workflowId}.${firstExecutionRunId.slice(0, 8)}`,
    input,
    account,
    undos: [],
    shared: new Set(),
    running: new Set(),
    ending: undefined,
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

/** Returns when a failed step shall be tried again; otherwise ends the operation. */
async function overcome(operation: Operation, step: string, error: TemporalFailure): Promise<void> {
  if (operation.ending) throw operation.ending;
  const choice = await askAboutFailure(operation, step, error);
  if (choice === 'retry') return;
  throw (operation.ending = choice === 'keep' ? keeping(error) : error);
}

const keeping = (cause: TemporalFailure): TemporalFailure =>
  ApplicationFailure.create({ type: KEEP, nonRetryable: true, message: rootMessage(cause), cause });

const activity = <N extends CheckName>(
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
  { what, giveUpMs, progressMs, zone }: WaitOptions,
): Promise<CheckResult<N>> {
  const until = new Date(Date.now() + giveUpMs).toISOString();
  return account.during({ what, until, then: 'a person decides, or the default is taken' }, async () => {
    const waiting = activity(name, args, { ...wait(giveUpMs), summary: `waiting for ${what}` }, zone);
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

async function ask(
  operation: Operation,
  question: Pick<Question, 'id' | 'text' | 'choices' | 'default'>,
): Promise<string> {
  const { account, input } = operation;
  if (input.actor.startsWith('schedule:')) return question.default;
  // One question at a time: a person decides about one thing. Of several that wait, one gets its turn.
  while (account.question) await condition(() => account.question === undefined);
  if (operation.ending) throw operation.ending;
  const at = new Date();
  const deadline = new Date(at.getTime() + input.questionDeadlineMs).toISOString();
  const mine: Question = { ...question, askedAt: at.toISOString(), deadline };
  const before = account.decisions.length;
  const decision = () => account.decisions.slice(before).find((one) => one.question === mine.id);
  account.question = mine;
  account.publish();
  try {
    await condition(() => decision() !== undefined, input.questionDeadlineMs, {
      summary: `deadline of question: ${question.text}`.slice(0, 200),
    });
    return decision()?.choice ?? question.default;
  } finally {
    if (account.question === mine) account.question = undefined;
    account.publish();
  }
}

async function askAboutFailure(operation: Operation, step: string, error: TemporalFailure): Promise<string> {
  const { account, input } = operation;
  if (input.onFailure !== 'ask') return input.onFailure;
  if (input.actor.startsWith('schedule:')) return 'roll-back';
  return operation.ask({
    id: account.nextQuestionId(),
    text: `"${step}" failed: ${rootMessage(error)}`.slice(0, 2_000),
    choices: ['retry', 'roll-back', 'keep'],
    default: defaultOnFailure(),
  });
}

/** Creations roll back, destruction stops and keeps: the table of operations says which. */
function defaultOnFailure(): OperationRow['onFailure'] {
  const table: Readonly<Record<string, OperationRow>> = operations;
  return table[workflowInfo().workflowType]?.onFailure ?? 'roll-back';
}

/** What a `ForeignResource` failure names: it bears our tags or name and is not ours, so a sweep must leave it. */
function foreignIds(error: unknown): readonly string[] {
  if (error instanceof ApplicationFailure && error.type === 'ForeignResource') {
    const [details] = (error.details ?? []) as readonly { readonly ids?: readonly string[] }[];
    return details?.ids ?? [];
  }
  return error instanceof Error && error.cause !== undefined ? foreignIds(error.cause) : [];
}

/** Removes what is temporary and writes the record. What cannot be removed fails the operation; the rest stays. */
async function succeed<R>(operation: Operation, result: R): Promise<R> {
  const { account, undos } = operation;
  const temporary = undos.filter((entry) => entry.temporary);
  let stuck: string[] = [];
  let left: string[] = [];
  if (temporary.length > 0) {
    account.undoing('removing what is temporary');
    stuck = await unwind(temporary, account);
    left = await sweep(
      { operation: operation.id },
      { kept: keptIds(operation), undos: temporary },
      operation.account,
    );
  }
  const clean = stuck.length + left.length === 0;
  account.state = clean ? 'done' : 'failed';
  await close(operation, { outcome: 'done', result, ...(clean ? {} : { left: [...stuck, ...left] }) });
  if (!clean) throw failLeftover(operation, stuck, left);
  return result;
}

/** Ids of what shall stay: everything made that is not temporary. */
const keptIds = (operation: Operation): ReadonlySet<string> => {
  const made = new Map(operation.account.progress().steps.map((step) => [step.step, step.made]));
  const kept = operation.undos
    .filter((entry) => !entry.temporary)
    .map((entry) => made.get(entry.input.owner.step));
  return new Set([...operation.shared, ...kept.filter((id) => id !== undefined)]);
};

/** Ends a failed or aborted operation; returns what its caller shall see. */
async function fail(operation: Operation, error: TemporalFailure): Promise<TemporalFailure> {
  const { account, undos } = operation;
  const kept = error instanceof ApplicationFailure && error.type === KEEP;
  const outcome = kept ? 'kept' : isCancellation(error) ? 'aborted' : 'rolled back';
  operation.ending ??= error;
  account.undoing(outcome === 'aborted' ? ABORTED : 'undoing what was done');
  // A step is undone only after its do has closed, also where the operation does several plans at the same time.
  await Promise.allSettled(operation.running);
  const entries = kept ? undos.filter((entry) => entry.temporary) : undos;
  const stuck = await unwind(entries, account);
  const left =
    kept || undos.length === 0
      ? []
      : await sweep({ operation: operation.id }, { kept: operation.shared, undos }, account);
  account.state = 'failed';
  try {
    await close(operation, { outcome, error: rootMessage(error), left: [...stuck, ...left] });
  } catch (unwritten) {
    // Why the operation failed is worth more than why its record cannot be written.
    if (!(unwritten instanceof ApplicationFailure)) throw unwritten;
    log.error('Cannot write the record', { operation: operation.id, error: unwritten });
  }
  if (stuck.length + left.length > 0) return failLeftover(operation, stuck, left, error);
  if (outcome === 'aborted') {
    return ApplicationFailure.create({
      type: 'Aborted',
      nonRetryable: true,
      message: 'Aborted; everything was undone',
      cause: error,
    });
  }
  const inner = failureType(error);
  return ApplicationFailure.create({
    type: inner,
    nonRetryable: true,
    message: `${rootMessage(error)} (${kept ? 'what was made is kept' : 'everything was undone'})`,
    cause: error,
  });
}

/** Our own type of a failure, found under the wrappers that Temporal puts around it. */
export function failureType(error: unknown): string {
  if (error instanceof ApplicationFailure && error.type && error.type !== KEEP) {
    // A wait that was given up asks nobody to try again.
    return error.type === 'NotYet' ? 'GateFailed' : error.type;
  }
  if (error instanceof CancelledFailure) return 'Aborted';
  if (error instanceof Error && error.cause !== undefined) return failureType(error.cause);
  return error instanceof TimeoutFailure ? 'CloudUnavailable' : 'GateFailed';
}

/** The failure that says what is still there. */
export function failLeftover(
  operation: Operation,
  stuck: readonly string[],
  left: readonly string[],
  cause?: Error,
) {
  const parts = [
    stuck.length > 0 ? `cannot undo ${stuck.map((step) => `"${step}"`).join(', ')}` : '',
    left.length > 0 ? `still there: ${left.join(', ')}` : '',
  ].filter((part) => part !== '');
  return ApplicationFailure.create({
    type: 'Leftover',
    nonRetryable: true,
    message: `Cannot clean up after "${operation.id}": ${parts.join('; ')}`,
    details: [{ stuck, left }],
    ...(cause ? { cause } : {}),
  });
}

/** The record outlives the history: written once, to the zone store. */
async function close(operation: Operation, end: Readonly<Record<string, unknown>>): Promise<void> {
  const { account, input } = operation;
  account.publish();
  const { workflowType, workflowId, startTime } = workflowInfo();
  const { steps } = account.progress();
  const content = {
    operation: operation.id,
    workflowId,
    type: workflowType,
    input: { ...input },
    startedAt: startTime.toISOString(),
    endedAt: new Date().toISOString(),
    decisions: account.decisions,
    steps,
    ...end,
  };
  try {
    await scheduleActivity('record.write', [{ operation: operation.id, content }], {
      ...UNDO,
      taskQueue: QUEUES.aws,
      summary: 'writing the record',
    });
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    throw ApplicationFailure.create({
      type: failureType(error),
      nonRetryable: true,
      message: `Cannot write the record of "${operation.id}": ${rootMessage(error)}`,
      cause: error,
    });
  }
}
