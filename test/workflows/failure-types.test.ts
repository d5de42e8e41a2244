import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  RetryState,
  TimeoutFailure,
  TimeoutType,
} from '@temporalio/common';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureType, rootMessage } from '../../workflows/failure-types.ts';

const activity = (cause: Error) =>
  new ActivityFailure('Activity task failed', 'vpc.create', '1', RetryState.TIMEOUT, 'worker', cause);
const application = (type: string, cause?: Error) =>
  ApplicationFailure.create({ type, message: `because of ${type}`, ...(cause ? { cause } : {}) });
const timeout = (cause?: Error) =>
  Object.assign(new TimeoutFailure('timed out', undefined, TimeoutType.SCHEDULE_TO_CLOSE), { cause });

const CASES: ReadonlyArray<readonly [what: string, error: Error, type: string]> = [
  [
    'our own type, under what Temporal wraps around it',
    activity(application('CloudRefused')),
    'CloudRefused',
  ],
  [
    'the decision to keep does not hide it',
    application('Kept', activity(application('Conflict'))),
    'Conflict',
  ],
  ['a worker that never answered', activity(timeout()), 'CloudUnavailable'],
  [
    'the last refusal before time ran out',
    activity(timeout(application('ForeignResource'))),
    'ForeignResource',
  ],
  ['a wait that was given up', activity(application('NotYet')), 'GateFailed'],
  ['an abort', activity(new CancelledFailure('cancelled')), 'Aborted'],
  ['anything else', new Error('odd'), 'GateFailed'],
];

for (const [what, error, type] of CASES) {
  test(`the type of a failure: ${what}`, () => assert.equal(failureType(error), type));
}

test('the message of a failure is the innermost one that zonewright wrote', () => {
  assert.equal(
    rootMessage(activity(application('CloudRefused', new Error('socket')))),
    'because of CloudRefused',
  );
  assert.equal(rootMessage(activity(timeout())), 'timed out');
  assert.equal(rootMessage('odd'), 'odd');
});
