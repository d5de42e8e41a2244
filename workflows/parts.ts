/** Parts of a zone, as its manifest lists them, on their way out. */
import type { ManifestEntry } from '../domain/zone/manifest.ts';
import type { Operation } from './operation.ts';
import type { UndoEntry } from './undo.ts';

/** How to unmake a part. Of one that was only begun, what was asked for may still appear. */
export function undoOfPart(
  { kind, owner, plan, ref }: ManifestEntry,
  layer: number,
  zone: string,
): UndoEntry {
  const input = { owner, plan, ...(ref === undefined ? {} : { known: ref }) } as UndoEntry['input'];
  return { kind, input, layer, temporary: false, zone, unanswered: ref === undefined };
}

/** Deletes the requests and reports that a machine wrote: they lie beside its certificates. */
export async function purgeEvidence(
  operation: Operation,
  bucket: string,
  parts: readonly ManifestEntry[],
): Promise<void> {
  const certificates = parts.find(({ kind }) => kind === 'machine-certificates')?.ref?.id;
  if (certificates === undefined) return;
  const prefixes = [certificates.slice(0, certificates.lastIndexOf('/') + 1)] as const;
  await operation.check('store.purge', { bucket, prefixes }, 'deleting what it wrote');
}
