import { condition, workflowInfo } from '@temporalio/workflow';
import { manifestKey, type ManifestEntry, type ZoneManifest } from '../domain/zone/manifest.ts';
import type { Operation } from './operation.ts';
import type { Made } from './steps.ts';

export interface ManifestWriter {
  readonly key: string;
  /** Writes the manifest before anything is made, and then as the work goes, until `close`. */
  open(): Promise<void>;
  readonly note: (made: Made) => void;
  /** Writes the last state and stops. */
  close(state: ZoneManifest['state']): Promise<void>;
}

/**
 * Keeps `zones/<zone>/manifest.json` as the work goes: what was made since the last write is written in one go, so a
 * zone of a hundred steps costs a dozen writes. Only the operation that holds the zone writes; each write is conditional
 * on the version of the one before.
 */
export function manifestWriter(operation: Operation, bucket: string, first: ZoneManifest): ManifestWriter {
  const key = manifestKey(first.zone);
  const made: ManifestEntry[] = [...first.made];
  let state = first.state;
  let written = -1;
  let version: string | undefined;
  let writing: Promise<void> | undefined;
  const write = async () => {
    written = made.length;
    const content = { ...first, state, made: [...made], operation: operation.id, run: workflowInfo().runId };
    const put = await operation.check(
      'store.put',
      { bucket, key, content, ...(version === undefined ? {} : { ifVersion: version }) },
      `writing the manifest (${state}, ${made.length} parts)`,
    );
    version = put.versionId;
  };
  const flush = async () => {
    while (written < made.length) await write();
    writing = undefined;
  };
  return {
    key,
    open: async () => {
      version = (await operation.check('store.version', { bucket, key }, 'looking for an earlier manifest'))
        .versionId;
      await write();
    },
    note: (entry) => {
      made.push(entry as ManifestEntry);
      writing ??= flush();
      // A failed write is thrown by `close`; until then it must not end the workflow as an unhandled rejection.
      writing.catch(() => undefined);
    },
    close: async (last) => {
      await writing;
      state = last;
      await condition(() => writing === undefined);
      await write();
    },
  };
}
