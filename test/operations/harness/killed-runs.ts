/** Runs in which all workers are killed at chosen moments, and what is said of them. */
import type { Client } from '@temporalio/client';
import { drawPoints, killAt, seed, type Killed } from './kills.ts';
import type { Ended, Phase } from './run.ts';
import type { Mode } from './scenario.ts';

const KILLS = 12;
/** Two points may be reached at once. */
const SPARE = 3;
/** A short operation has no room for so many: its events come several at a time. */
const EVENTS_A_KILL = 12;

/** Events to kill after, from the seed. A run that is killed makes fewer writes in one go, so it may end some events earlier. */
export const drawnPoints = ({ type, events }: Ended): readonly number[] =>
  drawPoints(type, KILLS + SPARE, 3, Math.floor(events * 0.9));

export interface Kills {
  readonly disturb: NonNullable<Mode['disturb']>;
  /** Where each operation was killed, in words, and which of them too seldom. */
  readonly report: (phases: readonly Phase[]) => {
    readonly said: readonly string[];
    readonly tooFew: readonly string[];
  };
}

/** @param reference the same run undisturbed: how many events each operation has */
export function kills(
  temporal: Client,
  reference: readonly Phase[],
  pointsOf: (ended: Ended) => readonly number[] = drawnPoints,
): Kills {
  const killed: (() => Killed)[] = [];
  return {
    disturb: (n, workers) => {
      const one = killAt(temporal, workers, reference[n]?.ended.map(pointsOf) ?? []);
      killed.push(one.killed);
      return one.disturb;
    },
    report: (phases) => {
      const all = killed.flatMap((of) => of());
      const each = phases
        .flatMap(({ ended }) => ended)
        .map(({ type, workflowId, events }) => {
          const after = all.filter((one) => one.workflowId === workflowId).map(({ event }) => event);
          const wanted = Math.min(KILLS, Math.floor(events / EVENTS_A_KILL));
          return { type, after, enough: after.length >= wanted };
        });
      return {
        said: each.map(
          ({ type, after }) => `seed ${seed}: ${type} was killed after events ${after.join(', ')}`,
        ),
        tooFew: each.flatMap(({ type, after, enough }) =>
          enough ? [] : [`${type} was killed only ${after.length} times`],
        ),
      };
    },
  };
}
