/**
 * Archives of recipes: what is in them and where they, and what bakes leave behind, lie in the zone store.
 *
 * An archive holds `recipe.json`, `install.sh`, `units/<unit>` and, below `root/`, each file at its place on the machine.
 */
export interface ArchiveEntry {
  /** Path in the archive, with forward slashes. */
  readonly path: string;
  readonly mode: number;
  readonly bytes: number;
  /** Of the contents, in hexadecimal. */
  readonly sha256: string;
}

/** Changes whenever the same listing would be packed differently, or a machine would read it differently. */
export const ARCHIVE_FORMAT = 1;

export const byPath = (a: ArchiveEntry, b: ArchiveEntry): number =>
  a.path < b.path ? -1 : a.path > b.path ? 1 : 0;

/** The text whose SHA-256 is the archive's digest: a line per entry, in order of path. */
export function canonicalListing(entries: readonly ArchiveEntry[]): string {
  const lines = [...entries]
    .sort(byPath)
    .map(({ path, mode, sha256 }) => `${mode.toString(8).padStart(4, '0')} ${sha256} ${path}\n`);
  return `zonewright-archive ${ARCHIVE_FORMAT}\n${lines.join('')}`;
}

export const recipeKey = (digest: string): string => `recipes/${digest}.tar.gz`;

/** Below it the builders of a bake write, each in a folder of its attempt (unless told otherwise, its instance id). */
export const bakePrefix = (bakeId: string): string => `bakes/${bakeId}/`;
/** Written again and again while it works. */
export const bakeLogKey = (bakeId: string, attempt: string): string => `${bakePrefix(bakeId)}${attempt}/log`;
/** Written once, last. */
export const bakeResultKey = (bakeId: string, attempt: string): string =>
  `${bakePrefix(bakeId)}${attempt}/result.json`;

/** Below it the machine of a boot test writes, in a folder of its own instance id. */
export const bootTestPrefix = (bakeId: string): string => `bakes/${bakeId}/test/`;
export const bootTestLogKey = (bakeId: string, instanceId: string): string =>
  `${bootTestPrefix(bakeId)}${instanceId}/log`;
export const bootTestResultKey = (bakeId: string, instanceId: string): string =>
  `${bootTestPrefix(bakeId)}${instanceId}/result.json`;
