/** Finds test files and says which of them need real servers. */
import { globSync } from 'node:fs';
import { join, sep } from 'node:path';

/** `unit` files run side by side; `real` ones need root and a sandbox and run one after the other. */
export type TestKind = 'unit' | 'real';

export interface TestFile {
  /** Relative to the checkout, with forward slashes. */
  readonly path: string;
  readonly kind: TestKind;
}

/** Folders whose tests share one sandbox, in the order in which they run: the floor before what stands on it. */
const REAL_FOLDERS = ['test/sandbox/', 'test/operations/', 'test/system/', 'test/zone/'];

/**
 * Every `*.test.ts` under `<root>/test` whose path contains one of `filters` (all of them without a filter),
 * unit tests first.
 */
export function findTests(root: string, filters: readonly string[] = []): TestFile[] {
  const paths = globSync('test/**/*.test.ts', { cwd: root }).map((path) => path.split(sep).join('/'));
  const wanted = paths.filter(
    (path) => filters.length === 0 || filters.some((filter) => path.includes(filter)),
  );
  return wanted
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
    .map((path) => ({ path, kind: rank(path) < 0 ? 'unit' : 'real' }));
}

export const absolute = (root: string, file: TestFile): string => join(root, file.path);

const rank = (path: string): number => REAL_FOLDERS.findIndex((folder) => path.startsWith(folder));
