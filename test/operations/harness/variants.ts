/** What tests put around the activities of a worker. */
import { ApplicationFailure } from '@temporalio/activity';
import { isDeepStrictEqual } from 'node:util';
import { connect } from '../../../activities/cloud/clients.ts';
import { effectActivities } from '../../../activities/effect.ts';
import { vpcEffect } from '../../../activities/vpc.ts';
import type { ZonewrightContext } from '../../../clients/contexts.ts';
import { settings, type AnyActivities } from '../../../workers/host.ts';

export type Wrap = (activities: AnyActivities, context: ZonewrightContext) => AnyActivities;

/** What may differ between two runs: the change by which Route 53 writes a record again, and how much a purge found. */
const MAY_DIFFER = new Set(['changeId', 'deleted']);

const compared = (result: unknown): unknown =>
  JSON.parse(JSON.stringify(result ?? null, (key, value: unknown) => (MAY_DIFFER.has(key) ? null : value)));

/** It says what is there at the moment, which may change between two looks. */
const LOOKS = new Set(['sweep', 'instance.state']);

/** Runs every activity twice and insists that both runs say the same. */
const twice: Wrap = (activities) =>
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

/** Broken on purpose: a VPC's activities never see what they made, and nor does anybody who looks for leftovers. */
const blind: Wrap = (activities, context) => {
  const clients = connect({ ...context.aws, requestTimeoutMs: settings.requestTimeoutMs });
  const seesNothing = { ...vpcEffect(clients), describe: () => Promise.resolve([]) };
  const broken: AnyActivities = {
    ...effectActivities('vpc', seesNothing, settings),
    sweep: () => Promise.resolve({ left: [], againAfterMs: 1 }),
  };
  return mapped(activities, (name, run) => broken[name] ?? run);
};

const mapped = (
  activities: AnyActivities,
  change: (name: string, run: AnyActivities[string]) => AnyActivities[string],
): AnyActivities =>
  Object.fromEntries(Object.entries(activities).map(([name, run]) => [name, change(name, run)]));

export const VARIANTS = {
  plain: (activities) => activities,
  twice,
  blind,
  'blind-twice': (activities, context) => twice(blind(activities, context), context),
} as const satisfies Record<string, Wrap>;

export type Variant = keyof typeof VARIANTS;
export const isVariant = (name: string): name is Variant => name in VARIANTS;
