import type { LoadReport } from './load.ts';

/** Counts of all; the latencies are those of the slowest. */
export function together(reports: readonly LoadReport[]): LoadReport | undefined {
  return reports.reduce<LoadReport | undefined>((sum, one) => {
    if (sum === undefined) return one;
    const slower = one.latency.p99 > sum.latency.p99 ? one : sum;
    return {
      sent: sum.sent + one.sent,
      succeeded: sum.succeeded + one.succeeded,
      failed: sum.failed + one.failed,
      errors: added(sum.errors, one.errors),
      failures: [...sum.failures, ...one.failures],
      answers: added(sum.answers, one.answers),
      seconds: sum.seconds + one.seconds,
      latency: slower.latency,
    };
  }, undefined);
}

function added(one: Readonly<Record<string, number>>, other: Readonly<Record<string, number>>) {
  const sum: Record<string, number> = { ...one };
  for (const [key, value] of Object.entries(other)) sum[key] = (sum[key] ?? 0) + value;
  return sum;
}
