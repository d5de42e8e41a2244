/** The content-addressed cache: `<root>/tools/<name>/<version>-<hash of the recipe>/`. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { identityOf, isAlive } from '../processes.ts';
import { withLock } from './lock.ts';

export const cacheRoot = (): string => process.env['ZONEWRIGHT_CACHE'] ?? '/var/cache/zonewright';

export function parcelFolder(name: string, version: string, ingredients: readonly string[]): string {
  const hash = createHash('sha256');
  for (const ingredient of [process.arch, ...ingredients]) hash.update(`${ingredient.length}:${ingredient}`);
  return join(cacheRoot(), 'tools', name, `${version}-${hash.digest('hex').slice(0, 12)}`);
}

export interface FillOptions {
  readonly make: (folder: string) => Promise<void>;
  readonly onWait: (pid: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** Makes the folder's contents unless they are there already; afterwards they are whole or not there at all. */
export async function fill(folder: string, { make, onWait, signal }: FillOptions): Promise<void> {
  if (existsSync(folder)) return;
  await withLock(
    `${folder}.lock`,
    async () => {
      if (existsSync(folder)) return;
      removeLeftovers(folder);
      const me = identityOf(process.pid);
      const partial = `${folder}.${me?.pid}-${me?.startTicks}.partial`;
      mkdirSync(partial, { recursive: true });
      try {
        await make(partial);
        moveIntoPlace(partial, folder);
      } finally {
        rmSync(partial, { recursive: true, force: true });
      }
    },
    { onWait, signal },
  );
}

function moveIntoPlace(partial: string, folder: string): void {
  try {
    renameSync(partial, folder);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** What runs that were killed left half made. */
function removeLeftovers(folder: string): void {
  for (const entry of readdirSync(dirname(folder))) {
    const match = /\.(\d+)-(\d+)\.partial$/.exec(entry);
    if (!match || !entry.startsWith(basename(folder))) continue;
    const [, pid, ticks] = match;
    if (pid && ticks && isAlive({ pid: Number(pid), startTicks: ticks })) continue;
    rmSync(join(dirname(folder), entry), { recursive: true, force: true });
  }
}
