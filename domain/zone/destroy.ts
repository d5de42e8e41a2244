import { canonicalJson, sha256Hex } from '../hash.ts';
import { resources } from '../resources/index.ts';
import type { ManifestEntry, ZoneManifest } from './manifest.ts';

export interface DestroyStep extends ManifestEntry {
  /** As a person reads it while it runs: "deleting VPC vpc-0a1b2c". */
  readonly summary: string;
}

/**
 * What destroying a zone takes, from its manifest alone: layers, each to be unmade before the next. A thing goes once
 * everything that needed it is gone; what is shared with other zones stays.
 */
export function planDestroy(manifest: ZoneManifest): DestroyStep[][] {
  const shared = new Set(manifest.shared);
  let rest = manifest.made.filter(({ step }) => !shared.has(step));
  const layers: DestroyStep[][] = [];
  while (rest.length > 0) {
    const needed = new Set(rest.flatMap((entry) => neededBy(entry, rest, manifest)));
    const free = rest.filter(({ step }) => !needed.has(step));
    // Needs that go round cannot come from a plan; the order of making is right then, too.
    const layer = free.length > 0 ? free : rest.slice(-1);
    layers.push(layer.map(withSummary));
    rest = rest.filter((entry) => !layer.includes(entry));
  }
  return layers;
}

/** Steps that must outlive this one. Of a step that no plan knows, all that were there when it was made. */
const neededBy = (
  entry: ManifestEntry,
  rest: readonly ManifestEntry[],
  { needs }: ZoneManifest,
): readonly string[] =>
  Object.hasOwn(needs, entry.step)
    ? (needs[entry.step] ?? [])
    : rest.slice(0, rest.indexOf(entry)).map(({ step }) => step);

const withSummary = (entry: ManifestEntry): DestroyStep => ({
  ...entry,
  summary: `deleting ${resources[entry.kind].noun} ${entry.ref?.id ?? `of step ${entry.step}, if there is one`}`,
});

/** What a person approves when a zone is destroyed: exactly the things that its manifest says were made. */
export const destroyHash = ({ zone, made }: Pick<ZoneManifest, 'zone' | 'made'>): string =>
  sha256Hex(canonicalJson({ destroy: zone, made: made.map(({ step, ref }) => [step, ref?.id ?? null]) }));
