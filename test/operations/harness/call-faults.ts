/** Makes every call that changes something fail: before its effect, and after it. */
import { isRead } from '../../../sandbox/aws/call.ts';
import type { LoggedCall } from '../../../sandbox/aws/call-log.ts';
import type { FaultInput } from '../../../sandbox/aws/faults.ts';

type Effect = FaultInput['effect'];

/** Where the answer is lost is told to nobody: the connection is dropped, or the service says that it failed. */
export const LOST = {
  dropped: {
    before: { kind: 'timeout-before', holdMs: 300 },
    after: { kind: 'timeout-after', holdMs: 300 },
  },
  failed: {
    before: { kind: 'error', code: 'InternalError', status: 500, when: 'before' },
    after: { kind: 'error', code: 'InternalError', status: 500, when: 'after' },
  },
  /** Longer than a worker waits for an answer. */
  silent: {
    before: { kind: 'timeout-before', holdMs: 8_000 },
    after: { kind: 'timeout-after', holdMs: 8_000 },
  },
} as const satisfies Record<string, { readonly before: Effect; readonly after: Effect }>;

export type Lost = keyof typeof LOST;

/** Of three calls of one action the first has no effect, the second one that nobody hears of, the third succeeds. */
const CYCLE = 3;
/** An activity of many calls gets on with some each time; more faults would only make it slow. */
const MAX_CYCLES = 2;

/**
 * Faults for every changing call that an undisturbed run made.
 *
 * @param shift how many calls of each action pass before the first that fails
 */
export function faultsOf(calls: readonly LoggedCall[], lost: Lost, shift = 0): FaultInput[] {
  const counts = new Map<string, { readonly service: string; readonly action: string; count: number }>();
  for (const { service, action, status } of calls) {
    if (isRead(action) || status >= 400) continue;
    const known = counts.get(`${service} ${action}`) ?? { service, action, count: 0 };
    counts.set(`${service} ${action}`, { ...known, count: known.count + 1 });
  }
  return [...counts.values()].flatMap(({ service, action, count }) =>
    Array.from({ length: Math.min(count, MAX_CYCLES) }, (_, n): FaultInput[] => {
      const nth = shift + 1 + n * CYCLE;
      return [
        { match: { service, action, nth, times: 1 }, effect: LOST[lost].before },
        { match: { service, action, nth: nth + 1, times: 1 }, effect: LOST[lost].after },
      ];
    }).flat(),
  );
}
