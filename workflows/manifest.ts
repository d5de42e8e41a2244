import { CancellationScope, condition } from '@temporalio/workflow';
import { dependenciesOf, type PlannedStep } from '../domain/plan.ts';
import {
  manifestKey,
  type ManifestEntry,
  type ZoneManifest,
  type ZoneState,
} from '../domain/zone/manifest.ts';
import { activity, type FailedEnd, type Operation } from './operation.ts';
import { UNDO } from './retries.ts';
import type { Made } from './steps.ts';

export interface ManifestWriter {
  /** Writes the manifest before anything is made. */
  open(): Promise<void>;
  /** Notes what a step made; written as the work goes. */
  readonly note: (made: Made) => void;
  /** Writes the last state. */
  close(state: ZoneState): Promise<void>;
}

/** Keeps the manifest of a zone that is there already. */
export interface ZoneParts {
  /** Takes the manifest over; refused unless the zone is active. */
  hold(): Promise<void>;
  /** Notes what a step made, with the steps that it needs; written as the work goes. */
  readonly note: (made: Made) => void;
  /** Forgets parts that are gone. */
  forget(steps: readonly string[]): Promise<void>;
  /** Returns when everything that was noted is written. */
  written(): Promise<void>;
}

/**
 * Keeps `zones/<zone>/manifest.json` as the work goes: what is made within a few seconds is written in one go, so a
 * zone of a hundred steps costs a dozen writes. It follows to the end: a creation that was undone leaves a destroyed
 * zone, one that was kept or could not be undone leaves what `zone destroy` needs.
 */
export function manifestWriter(operation: Operation, bucket: string, first: ZoneManifest): ManifestWriter {
  const ledger = openLedger(operation, { bucket, key: manifestKey(first.zone) });
  const followFailure = async ({ kept, stuck }: FailedEnd) => {
    await ledger.flush();
    if (kept) return;
    operation.endsZone = stuck.length === 0;
    await ledger.forget(ledger.noted(stuck), stuck.length === 0 ? 'destroyed' : 'destroying');
  };
  return {
    open: async () => {
      await operation.check(
        'manifest.open',
        { ...ledger.change(), first, at: first.createdAt },
        'beginning the manifest',
      );
      operation.afterFailure.push(followFailure);
    },
    note: ledger.note,
    close: (state) => ledger.flush(state),
  };
}

/**
 * Keeps the manifest of an active zone while an operation adds parts to it or takes some away. When the operation
 * failed, the manifest says again what is there: what was undone is forgotten, what could not be undone stays in it.
 * An operation that was killed leaves what `zone destroy` and `node remove` need.
 *
 * @param steps what the operation will make: each is written with the steps that it needs
 */
export function zoneParts(
  operation: Operation,
  { bucket, zone }: { readonly bucket: string; readonly zone: string },
  steps: readonly PlannedStep[] = [],
): ZoneParts {
  const ledger = openLedger(operation, { bucket, key: manifestKey(zone) }, steps);
  const followFailure = async ({ kept, stuck }: FailedEnd) => {
    await ledger.flush();
    const gone = ledger.noted(stuck);
    if (!kept && gone.length > 0) await ledger.forget(gone);
  };
  return {
    hold: async () => {
      const held = { ...ledger.change(), state: 'active' } as const;
      await operation.check('manifest.hold', held, 'taking the manifest over');
      operation.afterFailure.push(followFailure);
    },
    note: ledger.note,
    forget: async (gone) => {
      await ledger.flush();
      await ledger.forget(gone);
    },
    written: () => ledger.flush(),
  };
}

/** What is made is in the manifest at the latest after so long; it is for people, and for who comes after a termination. */
const GATHER_MS = 3_000;

/** Writes of one operation to one manifest, one after the other. */
function openLedger(
  operation: Operation,
  object: { readonly bucket: string; readonly key: string },
  steps: readonly PlannedStep[] = [],
) {
  const name = { ...object, operation: operation.id };
  const change = () => ({ ...name, at: new Date().toISOString() });
  const needs = new Map(steps.map((step) => [step.step, dependenciesOf(step)]));
  const noted = new Set<string>();
  let pending: ManifestEntry[] = [];
  let writing: Promise<void> = Promise.resolve();
  const write = async (state?: ZoneState) => {
    if (pending.length === 0 && state === undefined) return;
    const made = pending;
    pending = [];
    const known = made.flatMap(({ step }) =>
      needs.has(step) ? [[step, needs.get(step) ?? []] as const] : [],
    );
    const note = {
      ...{ ...change(), made },
      ...(known.length === 0 ? {} : { needs: Object.fromEntries(known) }),
      ...(state ? { state } : {}),
    };
    const summary = `writing the manifest (${state ?? `${made.length} more`})`;
    // Neither paused nor aborted: what was made must be written down.
    await CancellationScope.nonCancellable(() => activity('manifest.note', note, { ...UNDO, summary }));
  };
  let hurry = false;
  let gathering = false;
  /** While steps run side by side more of them end in a moment, and are written in one go. */
  const gather = async () => {
    gathering = true;
    await CancellationScope.nonCancellable(() =>
      condition(() => hurry, GATHER_MS, { summary: 'gathering what is made' }),
    );
    gathering = false;
    await flush();
  };
  const flush = (state?: ZoneState): Promise<void> => {
    hurry = gathering;
    // Each write waits for the one before; what is noted meanwhile is in the next.
    writing = writing.then(() => write(state));
    // A failed write is thrown by who waits for it; until then it must not end the workflow as an unhandled rejection.
    writing.catch(() => undefined);
    return writing;
  };
  return {
    change,
    flush,
    /** Steps that were noted, but for those that could not be undone. */
    noted: (stuck: readonly string[]) => [...noted].filter((step) => !stuck.includes(step)),
    note: (made: Made): void => {
      noted.add(made.step);
      pending.push(withoutUserData(made));
      if (gathering) return;
      hurry = false;
      // What fails here is thrown by who flushes.
      gather().catch(() => undefined);
    },
    forget: async (gone: readonly string[], state?: ZoneState) => {
      const summary =
        state === undefined
          ? `writing the manifest (${gone.length} less)`
          : `closing the manifest (${state})`;
      const input = { ...change(), steps: gone, ...(state ? { state } : {}) };
      await CancellationScope.nonCancellable(() => activity('manifest.forget', input, { ...UNDO, summary }));
      for (const step of gone) noted.delete(step);
    },
  };
}

/** User data is in the history and on the machine; in the manifest it would only make it large. */
function withoutUserData({ step, kind, owner, plan, ref }: Made): ManifestEntry {
  const kept = kind === 'instance' ? { ...(plan as object), userData: '' } : plan;
  return { step, kind, owner, plan: kept, ref };
}
