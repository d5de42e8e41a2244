import { CancellationScope } from '@temporalio/workflow';
import { dependenciesOf, type PlannedStep } from '../domain/plan.ts';
import {
  manifestKey,
  type ManifestEntry,
  type ZoneManifest,
  type ZoneState,
} from '../domain/zone/manifest.ts';
import { activity, type FailedEnd, type Operation } from './operation.ts';
import { UNDO } from './retries.ts';
import type { Begun, Ledger, Made } from './steps.ts';

export interface ManifestWriter extends Ledger {
  /** Writes the manifest before anything is made. */
  open(): Promise<void>;
  /** Writes the last state. */
  close(state: ZoneState): Promise<void>;
}

/** Keeps the manifest of a zone that is there already. */
export interface ZoneParts extends Ledger {
  /** Takes the manifest over; refused unless the zone is active. */
  hold(): Promise<void>;
  /** Forgets parts that are gone. */
  forget(steps: readonly string[]): Promise<void>;
}

/**
 * Keeps `zones/<zone>/manifest.json` as the work goes: that a step is begun is written before anything is asked for, what
 * it made with the next write. So whatever ends the operation, the manifest names all that there may be. It follows to
 * the end: a creation that was undone leaves a destroyed zone, one that was kept or could not be undone leaves what
 * `zone destroy` needs.
 */
export function manifestWriter(operation: Operation, bucket: string, first: ZoneManifest): ManifestWriter {
  const { change, forget, flush, noted, ...ledger } = openLedger(operation, {
    bucket,
    key: manifestKey(first.zone),
  });
  const followFailure = async ({ kept, stuck }: FailedEnd) => {
    await flush();
    if (kept) return;
    operation.endsZone = stuck.length === 0;
    await forget(noted(stuck), stuck.length === 0 ? 'destroyed' : 'destroying');
  };
  return {
    ...ledger,
    open: async () => {
      await operation.check(
        'manifest.open',
        { ...change(), first, at: first.createdAt },
        'beginning the manifest',
      );
      operation.afterFailure.push(followFailure);
    },
    close: (state) => flush(state),
  };
}

/**
 * Keeps the manifest of an active zone while an operation adds parts to it or takes some away. When the operation
 * failed, the manifest says again what is there: what was undone is forgotten, what could not be undone stays in it.
 * An operation that was terminated leaves what `zone destroy` and `node remove` need.
 *
 * @param steps what the operation will make: each is written with the steps that it needs
 */
export function zoneParts(
  operation: Operation,
  { bucket, zone }: { readonly bucket: string; readonly zone: string },
  steps: readonly PlannedStep[] = [],
): ZoneParts {
  const { change, forget, flush, noted, ...ledger } = openLedger(
    operation,
    { bucket, key: manifestKey(zone) },
    steps,
  );
  const followFailure = async ({ kept, stuck }: FailedEnd) => {
    await flush();
    const gone = noted(stuck);
    if (!kept && gone.length > 0) await forget(gone);
  };
  return {
    ...ledger,
    hold: async () => {
      const held = { ...change(), state: 'active' } as const;
      await operation.check('manifest.hold', held, 'taking the manifest over');
      operation.afterFailure.push(followFailure);
    },
    forget: async (gone) => {
      await flush();
      await forget(gone);
    },
  };
}

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
    try {
      // Neither paused nor aborted: what was made must be written down.
      await CancellationScope.nonCancellable(() => activity('manifest.note', note, { ...UNDO, summary }));
    } catch (error) {
      pending = [...made, ...pending];
      throw error;
    }
  };
  const flush = (state?: ZoneState): Promise<void> => {
    // Each write waits for the one before, whatever became of that; what is noted meanwhile is in the next.
    const written = writing.then(() => write(state));
    writing = written.catch(() => undefined);
    return written;
  };
  return {
    change,
    flush,
    /** Steps that were noted, but for those that could not be undone. */
    noted: (stuck: readonly string[]) => [...noted].filter((step) => !stuck.includes(step)),
    begin: (begun: Begun): Promise<void> => {
      noted.add(begun.step);
      pending.push(withoutUserData(begun));
      return flush();
    },
    note: (made: Made): void => {
      pending.push(withoutUserData(made));
    },
    written: () => flush(),
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
function withoutUserData(entry: Begun | Made): ManifestEntry {
  const { kind, plan } = entry;
  return { ...entry, plan: kind === 'instance' ? { ...(plan as object), userData: '' } : plan };
}
