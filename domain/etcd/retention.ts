import { z } from 'zod';
import type { BackupState } from './catalogue.ts';

const count = z.number().int().min(0).max(10_000);

/** Which backups stay. Each rule keeps the latest of what it counts; what no rule keeps goes. */
export const retentionSchema = z.strictObject({
  /** The latest so many, whatever their age. */
  last: count.default(3),
  /** The latest of each of so many hours, days and weeks that have one. */
  hourly: count.default(24),
  daily: count.default(7),
  weekly: count.default(4),
});
export type Retention = z.output<typeof retentionSchema>;

export interface Kept {
  readonly backup: string;
  /** Rules that keep it: `newest proven`, `last`, `hourly 2026-01-31T12` … */
  readonly because: readonly string[];
}

export interface RetentionPlan {
  readonly keep: readonly Kept[];
  /** The oldest first. */
  readonly remove: readonly string[];
}

export interface RetentionCandidate {
  readonly backup: string;
  readonly state: BackupState;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
}

/**
 * Decides which backups go. Pure. The newest proven one and what is under way always stay; what was abandoned always
 * goes. Only proven ones count for the rules: one that is unproven or damaged never takes a proven one's place, and
 * stays as long as nothing newer is proven.
 */
export function planRetention(candidates: readonly RetentionCandidate[], rules: Retention): RetentionPlan {
  const latestFirst = candidates.toSorted(
    (a, b) => b.startedAt.localeCompare(a.startedAt) || b.backup.localeCompare(a.backup),
  );
  const reasons = new Map<string, string[]>();
  const keep = ({ backup }: RetentionCandidate, because: string) =>
    reasons.set(backup, [...(reasons.get(backup) ?? []), because]);
  const proven = latestFirst.filter(({ state }) => state === 'proven');
  const [newest] = proven;
  if (newest) keep(newest, 'newest proven');
  for (const one of latestFirst) {
    if (one.state === 'under way') keep(one, 'under way');
    const isLater = newest === undefined || one.startedAt > newest.startedAt;
    if (isLater && (one.state === 'unproven' || one.state === 'damaged')) keep(one, 'newer than any proven');
  }
  for (const one of proven.slice(0, rules.last)) keep(one, 'last');
  for (const [rule, bucketOf] of Object.entries(BUCKETS)) {
    const buckets = Map.groupBy(proven, ({ startedAt }) => bucketOf(startedAt));
    const latest = [...buckets].slice(0, rules[rule as keyof typeof BUCKETS]);
    for (const [bucket, [first]] of latest) if (first) keep(first, `${rule} ${bucket}`);
  }
  return {
    keep: latestFirst.flatMap(({ backup }) => {
      const because = reasons.get(backup);
      return because === undefined ? [] : [{ backup, because }];
    }),
    remove: latestFirst
      .map(({ backup }) => backup)
      .filter((backup) => !reasons.has(backup))
      .toReversed(),
  };
}

const DAY_MS = 86_400_000;

const BUCKETS = {
  hourly: (at: string) => at.slice(0, 13),
  daily: (at: string) => at.slice(0, 10),
  /** Named after its Monday. */
  weekly: (at: string) => {
    const day = Math.floor(Date.parse(at) / DAY_MS);
    // The epoch began on a Thursday.
    return new Date((day - ((day + 3) % 7)) * DAY_MS).toISOString().slice(0, 10);
  },
} as const;
