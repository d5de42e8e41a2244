import { CancellationScope } from '@temporalio/workflow';
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

/**
 * Keeps `zones/<zone>/manifest.json` as the work goes: what was made since the last write is written in one go, so a
 * zone of a hundred steps costs a dozen writes. It follows to the end: a creation that was undone leaves a destroyed
 * zone, one that was kept or could not be undone leaves what `zone destroy` needs.
 */
export function manifestWriter(operation: Operation, bucket: string, first: ZoneManifest): ManifestWriter {
  const name = { bucket, key: manifestKey(first.zone), operation: operation.id };
  const noted = new Set<string>();
  let pending: ManifestEntry[] = [];
  let writing: Promise<void> = Promise.resolve();
  const change = () => ({ ...name, at: new Date().toISOString() });
  const write = async (state?: ZoneState) => {
    if (pending.length === 0 && state === undefined) return;
    const made = pending;
    pending = [];
    const summary = `writing the manifest (${state ?? `${made.length} more`})`;
    // Neither paused nor aborted: what was made must be written down.
    await CancellationScope.nonCancellable(() =>
      activity('manifest.note', { ...change(), made, ...(state ? { state } : {}) }, { ...UNDO, summary }),
    );
  };
  const flush = (state?: ZoneState): Promise<void> => {
    // Each write waits for the one before; what is noted meanwhile is in the next.
    writing = writing.then(() => write(state));
    // A failed write is thrown by `close`; until then it must not end the workflow as an unhandled rejection.
    writing.catch(() => undefined);
    return writing;
  };
  const followFailure = async ({ kept, stuck }: FailedEnd) => {
    await writing;
    if (kept) return;
    const steps = [...noted].filter((step) => !stuck.includes(step));
    const state = stuck.length === 0 ? 'destroyed' : 'destroying';
    const summary = `closing the manifest (${state})`;
    await activity('manifest.forget', { ...change(), steps, state }, { ...UNDO, summary });
  };
  return {
    open: async () => {
      await operation.check(
        'manifest.open',
        { ...name, first, at: first.createdAt },
        'beginning the manifest',
      );
      operation.afterFailure.push(followFailure);
    },
    note: (made) => {
      noted.add(made.step);
      pending.push(withoutUserData(made));
      void flush();
    },
    close: (state) => flush(state),
  };
}

/** User data is in the history and on the machine; in the manifest it would only make it large. */
function withoutUserData({ step, kind, owner, plan, ref }: Made): ManifestEntry {
  const kept = kind === 'instance' ? { ...(plan as object), userData: '' } : plan;
  return { step, kind, owner, plan: kept, ref };
}
