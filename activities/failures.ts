import { ApplicationFailure, Context } from '@temporalio/activity';
import { FAILURES, InvalidInput, NotYet, ZonewrightError } from '../domain/errors.ts';
import { fromCloudError } from './cloud/cloud-errors.ts';
import { fromKubernetesError } from './cloud/kubernetes-errors.ts';
import { beating } from './heartbeat.ts';

/**
 * Makes a function an activity: it beats while it runs, and what it throws becomes a failure whose `type` the workflow can branch on, with the
 * action in front and the decision whether to try again made here, once.
 */
export function asActivity<A extends unknown[], R>(
  action: string,
  run: (...args: A) => Promise<R>,
): (...args: A) => Promise<R> {
  return async (...args) => {
    try {
      return await beating(() => run(...args));
    } catch (error) {
      throw toFailure(action, error);
    }
  };
}

/** Cancellation and what Temporal itself throws pass unchanged. */
function toFailure(action: string, error: unknown): unknown {
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof Error && (error.name === 'CancelledFailure' || error.name === 'CompleteAsyncError'))
    return error;
  if (error instanceof Error && error.name === 'AbortError' && Context.current().cancellationSignal.aborted)
    return error;
  const known =
    error instanceof ZonewrightError
      ? error
      : (fromKubernetesError(action, error) ?? fromCloudError(action, error));
  if (known === undefined) return error;
  return ApplicationFailure.create({
    type: known.type,
    message: known.message,
    nonRetryable: !FAILURES[known.type].retryable,
    details: [known instanceof InvalidInput ? { issues: known.issues } : known.details],
    ...(known instanceof NotYet ? { nextRetryDelay: known.nextDelayMs } : {}),
    ...(known.cause instanceof Error ? { cause: known.cause } : {}),
  });
}
