/** Files too long for every run: `npm test` draws some of them by its seed, `npm run gate` runs them all. */
import { createHash } from 'node:crypto';
import type { TestFile } from './files.ts';

/** Minutes that they take on two idle cores. A file that is not here runs always. */
const LONG: Readonly<Record<string, number>> = {
  'test/operations/admission.test.ts': 3,
  'test/operations/disturbed.test.ts': 7,
  'test/operations/failed.test.ts': 1,
  'test/operations/proof.test.ts': 2,
  'test/operations/terminated.test.ts': 1,
  'test/zone/directors.test.ts': 3,
  'test/zone/disturbed.test.ts': 6,
  'test/zone/etcd-backup.test.ts': 1,
  'test/zone/etcd-restore.test.ts': 6,
  'test/zone/nodes.test.ts': 2,
  'test/zone/service-roll.test.ts': 2,
};

export const longFiles: readonly string[] = Object.keys(LONG);

/** Minutes of long files in one run. */
const BUDGET = 7;

/** The files in their order, without the long ones that the seed leaves to other runs. */
export function draw(
  files: readonly TestFile[],
  seed: string,
  long: Readonly<Record<string, number>> = LONG,
): { readonly drawn: readonly TestFile[]; readonly left: readonly string[] } {
  let spent = 0;
  const left = new Set(
    files
      .filter(({ path }) => path in long)
      .map(({ path }) => ({ path, lot: lotOf(seed, path) }))
      .toSorted((a, b) => a.lot.localeCompare(b.lot))
      .filter(({ path }) => {
        const minutes = long[path] ?? 0;
        if (spent + minutes > BUDGET) return true;
        spent += minutes;
        return false;
      })
      .map(({ path }) => path),
  );
  return { drawn: files.filter(({ path }) => !left.has(path)), left: [...left].toSorted() };
}

const lotOf = (seed: string, path: string): string =>
  createHash('sha256').update(`${seed} ${path}`).digest('hex');
