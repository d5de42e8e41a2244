import { LEASE_SECONDS, type RouterReport } from './values.ts';

/** Longest that a reload takes, milliseconds. */
export const RELOAD_MS = 10_000;

export interface Behind {
  readonly waiting: readonly { readonly router: string; readonly why: string }[];
  /** Routers that nothing was heard of for so long that they count as absent. */
  readonly silent: readonly string[];
}

/**
 * Which routers have not loaded a revision yet, and why.
 *
 * @param reports by the instance ids of borders; null of one that is silent
 */
export function behind(
  reports: Readonly<Record<string, RouterReport | null>>,
  asked: {
    readonly revision: number;
    readonly drained?: boolean;
    /** How long it has been waited for, milliseconds. */
    readonly waitedMs: number;
  },
): Behind {
  const all = Object.entries(reports);
  if (all.length === 0) return { waiting: [{ router: '', why: 'the zone has no router' }], silent: [] };
  const isGivenUp = asked.waitedMs > LEASE_SECONDS * 1_000 + RELOAD_MS;
  const silent = all.filter(([, report]) => report === null).map(([router]) => router);
  const unheard = isGivenUp ? [] : silent.map((router) => ({ router, why: `"${router}" is silent` }));
  const slow = all.flatMap(([router, report]) => {
    if (report === null) return [];
    const at = asked.drained ? report.drained : report.revision;
    if (at >= asked.revision) return [];
    const because = report.error === undefined ? '' : ` (${report.error})`;
    return [{ router, why: `"${router}" is at ${at}${because}` }];
  });
  return { waiting: [...unheard, ...slow], silent: isGivenUp ? silent : [] };
}
