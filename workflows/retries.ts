import { ActivityCancellationType, type ActivityOptions } from '@temporalio/workflow';

/** An operation undoes a step only after its do has closed, so cancellation always waits for the activity. */
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/**
 * One effect: a few cloud calls. Retried while the cloud is unavailable or not ready; after ten minutes without
 * success the operation asks what to do. The requests inside time out before the activity does.
 */
export const EFFECT: ActivityOptions = {
  startToCloseTimeout: '2 minutes',
  scheduleToCloseTimeout: '10 minutes',
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '20 seconds' },
  cancellationType,
};

/** A look-up: seconds. */
export const LOOK: ActivityOptions = {
  startToCloseTimeout: '60 seconds',
  scheduleToCloseTimeout: '5 minutes',
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '20 seconds' },
  cancellationType,
};

/** Undo and records: they do not give up by themselves within a day; only a final refusal ends them. */
export const UNDO: ActivityOptions = {
  startToCloseTimeout: '2 minutes',
  scheduleToCloseTimeout: '24 hours',
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 1.5, maximumInterval: '15 seconds' },
  cancellationType,
};

/**
 * The one way to wait: an activity that throws `NotYet` with its next delay, so that retries add nothing to the
 * history. `giveUpMs` is the deadline after which the operation decides; an attempt that does more than look says by
 * `attemptMs` how long it may take, and beats meanwhile.
 */
export const wait = (giveUpMs: number, attemptMs = 60_000): ActivityOptions => ({
  startToCloseTimeout: attemptMs,
  scheduleToCloseTimeout: giveUpMs,
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 1, maximumInterval: '10 seconds' },
  cancellationType,
});
