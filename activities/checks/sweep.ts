import { Context } from '@temporalio/activity';
import { setTimeout as sleep } from 'node:timers/promises';
import { NotYet, ZonewrightError } from '../../domain/errors.ts';
import { kinds, type Kind } from '../../domain/resources/index.ts';
import { fromCloudError } from '../cloud/cloud-errors.ts';
import type { Effect, Effects, Leftover, SweepScope } from '../effect.ts';
import { asActivity } from '../failures.ts';
import type { CheckSettings } from './settings.ts';

export interface Sweep {
  readonly scope: SweepScope;
  /** Ids of what shall stay; neither removed nor reported. */
  readonly kept?: readonly string[];
  /** Kinds to look for; all of them without it. */
  readonly kinds?: readonly Kind[];
  /** True to remove what is found; without it the sweep only looks. */
  readonly remove?: boolean;
}

export interface Left {
  readonly kind: Kind;
  readonly id: string;
  /** Step and operation that made it, as its tags say. */
  readonly step?: string;
  readonly operation?: string;
  /** Why it could not be removed. */
  readonly because?: string;
}

export interface SweepResult {
  readonly left: readonly Left[];
  /** After this long every request that may still be under way has taken effect or died, milliseconds. */
  readonly againAfterMs: number;
}

type AnyEffect = Effect<unknown, { readonly id: string }>;
type Item = { readonly kind: Kind; readonly leftover: Leftover<{ readonly id: string }> };

/** Machines and gateways take a while to go; what is still there then is reported. */
const REMOVAL_MS = 30_000;

export const sweepChecks = (effects: Partial<Effects>, settings: CheckSettings) => {
  const find = async (
    { scope, kept = [], kinds: wanted = kinds }: Sweep,
    signal: AbortSignal,
  ): Promise<Item[]> => {
    const found = await Promise.all(
      wanted.map(async (kind) => {
        const effect = effects[kind] as AnyEffect | undefined;
        if (!effect || effect.leftovers === 'with its parent') return [];
        const list = await effect.leftovers(scope, { signal });
        return list.map((leftover) => ({ kind, leftover }));
      }),
    );
    return found.flat().filter(({ leftover }) => !kept.includes(leftover.id));
  };
  return {
    /** Everything that an operation or a zone left behind, in every kind; removed from the last made to the first. */
    sweep: asActivity('look for leftovers', async (input: Sweep): Promise<SweepResult> => {
      const signal = Context.current().cancellationSignal;
      const againAfterMs = settings.requestTimeoutMs + settings.consistencyWindowMs;
      let items = await find(input, signal);
      let problems = new Map<string, string>();
      const end = Date.now() + REMOVAL_MS;
      while (input.remove && items.length > 0) {
        problems = await removeOnce(effects, items, signal);
        items = await find(input, signal);
        if (items.length === 0 || Date.now() > end) break;
        await sleep(settings.pollMs, undefined, { signal });
      }
      return { left: items.map((item) => leftOf(item, problems)), againAfterMs };
    }),
  };
};

/** One pass in reverse order of dependence. What something else still blocks is left to the next pass. */
async function removeOnce(
  effects: Partial<Effects>,
  items: readonly Item[],
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const problems = new Map<string, string>();
  for (const kind of kinds.toReversed()) {
    const effect = effects[kind] as AnyEffect | undefined;
    const ofKind = items.filter((item) => item.kind === kind);
    await Promise.all(
      ofKind.map(async ({ leftover }) => {
        try {
          await effect?.remove(leftover.ref, undefined, { signal });
        } catch (error) {
          const known = error instanceof ZonewrightError ? error : fromCloudError(`remove ${kind}`, error);
          if (!(known instanceof NotYet) && known?.type !== 'CloudRefused') throw error;
          problems.set(leftover.id, known.message);
        }
      }),
    );
  }
  return problems;
}

function leftOf({ kind, leftover }: Item, problems: ReadonlyMap<string, string>): Left {
  const { id, step, operation } = leftover;
  const because = problems.get(id);
  return {
    kind,
    id,
    ...(step === undefined ? {} : { step }),
    ...(operation === undefined ? {} : { operation }),
    ...(because === undefined ? {} : { because }),
  };
}
