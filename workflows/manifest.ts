import {
  manifestKey,
  type ManifestEntry,
  type ZoneManifest,
  type ZoneState,
} from '../domain/zone/manifest.ts';
import type { Operation } from './operation.ts';
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
 * zone of a hundred steps costs a dozen writes.
 */
export function manifestWriter(operation: Operation, bucket: string, first: ZoneManifest): ManifestWriter {
  const name = { bucket, key: manifestKey(first.zone), operation: operation.id };
  let pending: ManifestEntry[] = [];
  let writing: Promise<void> = Promise.resolve();
  const write = async (state?: ZoneState) => {
    if (pending.length === 0 && state === undefined) return;
    const made = pending;
    pending = [];
    const change = { ...name, at: new Date().toISOString(), made, ...(state === undefined ? {} : { state }) };
    await operation.check(
      'manifest.note',
      change,
      `writing the manifest (${state ?? `${made.length} parts more`})`,
    );
  };
  const flush = (state?: ZoneState): Promise<void> => {
    // Each write waits for the one before; what is noted meanwhile is in the next.
    writing = writing.then(() => write(state));
    // A failed write is thrown by `close`; until then it must not end the workflow as an unhandled rejection.
    writing.catch(() => undefined);
    return writing;
  };
  return {
    open: () =>
      operation.check('manifest.open', { ...name, first, at: first.createdAt }, 'beginning the manifest'),
    note: (made) => {
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
