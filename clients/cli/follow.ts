/** Follows an operation until it ends, until `--wait` runs out, or until Ctrl-C detaches; it never aborts anything. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import { explainOperation, progressOf } from '../controls.ts';
import { EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { failureOf } from '../outcome.ts';
import type { OperationFailure } from '../outcome.ts';
import type { Output } from './output.ts';
import { openScreen } from './screen.ts';
import type { Screen } from './screen.ts';

const POLL_MS = 1_000;

export interface FollowOptions {
  /** Return at once. */
  readonly detach?: boolean | undefined;
  /** Return after this long, milliseconds. */
  readonly wait?: number | undefined;
  /** A line per change also on a terminal, where other lines come in between. */
  readonly plain?: boolean | undefined;
}

/** How an operation stands when following it ends; `state` is what scripts look at. */
export type Outcome<R> =
  | { readonly operation: string; readonly state: 'done'; readonly result: R }
  | { readonly operation: string; readonly state: 'failed'; readonly error: OperationFailure }
  | { readonly operation: string; readonly state: 'running' };

/** Follows the operation and shows its steps on stderr. */
export async function follow<R>(
  client: Client,
  handle: WorkflowHandle,
  options: FollowOptions = {},
): Promise<Outcome<R>> {
  const operation = handle.workflowId;
  if (options.detach === true) return { operation, state: 'running' };
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  const timer = options.wait === undefined ? undefined : setTimeout(interrupt, options.wait);
  const screen = openScreen(options.plain);
  const watching = watch(client, operation, screen, stop.signal);
  // A call that is under way when the connection closes would be tried again on a channel that is no more.
  const stopWatching = async (): Promise<void> => {
    stop.abort();
    await watching.catch(() => undefined);
  };
  try {
    const ended = outcomeOf<R>(client, handle, stop.signal);
    await Promise.race([ended, watching]);
    const outcome = await ended;
    await stopWatching();
    if (outcome.state !== 'running') await draw(client, operation, screen);
    return outcome;
  } finally {
    await stopWatching();
    clearTimeout(timer);
    process.off('SIGINT', interrupt);
    screen.end();
  }
}

async function watch(client: Client, id: string, screen: Screen, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await client.withAbortSignal(signal, () => draw(client, id, screen, signal));
    await pause(POLL_MS, signal);
  }
}

/** @param signal after which nothing is shown any more, however late the answers come */
async function draw(client: Client, id: string, screen: Screen, signal?: AbortSignal): Promise<void> {
  const progress = await progressOf(client, id);
  const { state } = progress ?? {};
  const stands = progress === undefined || state === 'waiting' || state === 'blocked';
  const explained = stands ? await explainOperation(client, id).catch(() => undefined) : undefined;
  if (signal?.aborted !== true) screen.show(progress, explained?.explanation);
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });

/** Waits for the result; `running` when told to stop waiting. */
async function outcomeOf<R>(
  client: Client,
  handle: WorkflowHandle,
  signal: AbortSignal,
): Promise<Outcome<R>> {
  const operation = handle.workflowId;
  try {
    const result = await client.withAbortSignal(signal, () => handle.result() as Promise<R>);
    return { operation, state: 'done', result };
  } catch (error) {
    if (error instanceof WorkflowFailedError) return { operation, state: 'failed', error: failureOf(error) };
    if (signal.aborted) return { operation, state: 'running' };
    throw error;
  }
}

/** Prints how the operation stands and returns the exit code. */
export function conclude<R>(
  output: Output,
  outcome: Outcome<R>,
  options: FollowOptions,
  text: (result: R) => string,
): ExitCode {
  switch (outcome.state) {
    case 'done':
      output.result(outcome, text(outcome.result));
      return EXIT.done;
    case 'failed':
      output.result(outcome, '');
      output.progress(
        `error: ${outcome.error.message}\n  operation: ${outcome.operation} (${outcome.error.type})`,
      );
      return FAILED[outcome.error.type] ?? EXIT.failed;
    case 'running': {
      output.result(outcome, options.detach === true ? outcome.operation : '');
      output.progress(
        `${outcome.operation} goes on; look again with: zonewright op show ${outcome.operation} --follow`,
      );
      return options.detach === true ? EXIT.done : EXIT.waiting;
    }
  }
}

/** An operation that refused its input or its plan made nothing. */
const FAILED: Readonly<Record<string, ExitCode>> = {
  InvalidInput: EXIT.usage,
  Declined: EXIT.refused,
  Conflict: EXIT.refused,
};
