/** Runs activities twice; what says something else the second time is not idempotent. */
import { ApplicationFailure } from '@temporalio/activity';
import { isDeepStrictEqual } from 'node:util';
import type { AnyActivities } from '../../../workers/host.ts';

/**
 * What may differ between two runs: the change by which Route 53 writes a record again, how much a purge or a tidying found, when
 * something was looked at.
 */
const MAY_DIFFER = new Set(['changeId', 'deleted', 'ended', 'startedAt', 'endedAt']);

const compared = (result: unknown): unknown =>
  JSON.parse(JSON.stringify(result ?? null, (key, value: unknown) => (MAY_DIFFER.has(key) ? null : value)));

/** It says what is there at the moment, which may change between two looks. */
const LOOKS = new Set(['sweep', 'instance.state', 'etcd.restored']);

/** Runs every activity twice and insists that both runs say the same. */
export const twice = (activities: AnyActivities): AnyActivities =>
  mapped(activities, (name, run) => async (...args) => {
    const first = await run(...args);
    const second = await run(...args);
    if (!LOOKS.has(name) && !isDeepStrictEqual(compared(first), compared(second)))
      throw notIdempotent(name, first, second);
    return second;
  });

const notIdempotent = (name: string, first: unknown, second: unknown): ApplicationFailure =>
  ApplicationFailure.nonRetryable(
    `"${name}" is not idempotent: ${JSON.stringify(first)}, then ${JSON.stringify(second)}`,
    'GateFailed',
  );

export const mapped = (
  activities: AnyActivities,
  change: (name: string, run: AnyActivities[string]) => AnyActivities[string],
): AnyActivities =>
  Object.fromEntries(Object.entries(activities).map(([name, run]) => [name, change(name, run)]));
