import { ApplicationFailure, CancelledFailure, TemporalFailure, TimeoutFailure } from '@temporalio/workflow';

/** The failure that leaves everything standing. */
export const KEEP = 'Kept';

/** What a `ForeignResource` failure names: it bears our tags or name and is not ours, so a sweep must leave it. */
export function foreignIds(error: unknown): readonly string[] {
  if (error instanceof ApplicationFailure && error.type === 'ForeignResource') {
    const [details] = (error.details ?? []) as readonly { readonly ids?: readonly string[] }[];
    return details?.ids ?? [];
  }
  return error instanceof Error && error.cause !== undefined ? foreignIds(error.cause) : [];
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

export const keeping = (cause: TemporalFailure): TemporalFailure =>
  ApplicationFailure.create({ type: KEEP, nonRetryable: true, message: rootMessage(cause), cause });

/** The innermost message of a failure: what a person has to read. */
export function rootMessage(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (error instanceof ApplicationFailure || !(cause instanceof Error)) {
    return error instanceof Error ? error.message : String(error);
  }
  return rootMessage(cause);
}
