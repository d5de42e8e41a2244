import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  effectActivities,
  type EffectSettings,
  type Effect,
  type EffectInput,
  type Found,
} from '../../activities/effect.ts';
import type { Kind, PlanOf, RefOf } from '../../domain/resources/index.ts';
import type { Owner } from '../../domain/resources/resource.ts';

export interface Attempt {
  readonly attempt?: number;
  /** What the attempt before this one said last. */
  readonly heartbeatDetails?: unknown;
  /** Milliseconds since the activity was first scheduled. */
  readonly age?: number;
  readonly onHeartbeat?: (details: unknown) => void;
}

export const SETTINGS = { consistencyWindowMs: 300, pollMs: 50 };

/** Runs a function as an activity's attempt. */
export function inActivity<R>(run: () => Promise<R>, attempt: Attempt = {}): Promise<R> {
  const scheduled = Date.now() - (attempt.age ?? 0);
  const environment = new MockActivityEnvironment(
    {
      attempt: attempt.attempt ?? 1,
      heartbeatDetails: attempt.heartbeatDetails,
      scheduledTimestampMs: scheduled,
      currentAttemptScheduledTimestampMs: Date.now(),
    },
    // Failures are what many tests ask for.
    { logger: new DefaultLogger('ERROR') },
  );
  if (attempt.onHeartbeat) environment.on('heartbeat', attempt.onHeartbeat);
  return environment.run(run);
}

/** The four activities of a kind, each called as one attempt. */
export function effectRunner<K extends Kind>(
  kind: K,
  effect: Effect<PlanOf<K>, RefOf<K>>,
  settings: EffectSettings = SETTINGS,
) {
  const activities = effectActivities(kind, effect, settings) as Record<
    string,
    (input: EffectInput<K>) => Promise<unknown>
  >;
  const call = (verb: string) => async (input: EffectInput<K>, attempt?: Attempt) =>
    inActivity(async () => activities[`${kind}.${verb}`]?.(input), attempt);
  return {
    create: call('create') as (input: EffectInput<K>, attempt?: Attempt) => Promise<RefOf<K>>,
    delete: call('delete') as (input: EffectInput<K>, attempt?: Attempt) => Promise<void>,
    describe: call('describe') as (
      input: EffectInput<K>,
      attempt?: Attempt,
    ) => Promise<readonly Found<RefOf<K>>[]>,
    ready: call('ready') as (input: EffectInput<K>, attempt?: Attempt) => Promise<void>,
    /** The effect itself, without adoption: what a lost answer leaves behind. */
    effect,
  };
}

let steps = 0;

/** The owner of a step that no other test uses. */
export const someOwner = (step = 'step'): Owner => {
  steps += 1;
  return {
    environment: 'prod.example.com',
    zone: 'zone03',
    operation: `create-${process.pid}-${steps}`,
    step,
    incarnation: 1,
    name: `zone03.prod.example.com-${step}`,
  };
};

/** Calls again until it succeeds or fails for good, as Temporal would. */
export async function untilSettled<R>(call: (attempt: number) => Promise<R>): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(attempt);
    } catch (error) {
      const { type, nonRetryable } = error as { type?: string; nonRetryable?: boolean };
      if (type === undefined || nonRetryable || attempt === 200) throw error;
      await sleep(SETTINGS.pollMs);
    }
  }
}

export const deleteUntilGone = <I>(
  remove: (input: I, attempt?: Attempt) => Promise<void>,
  input: I,
): Promise<void> => untilSettled((attempt) => remove(input, { attempt }));
