/**
 * Lock files that survive nothing: each names its owner by pid and start time, so that one left by a run that was
 * killed is taken over. Contents are made in a folder of the run's own and renamed into place, so the lock only
 * saves double work; correctness does not rest on it.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf, isAlive, type ProcessIdentity } from '../processes.ts';

const POLL_MS = 250;

/** Runs `body` while holding the lock; `onWait` is told once whom it waits for. */
export async function withLock<T>(
  path: string,
  body: () => Promise<T>,
  options: { readonly onWait?: (pid: number) => void; readonly signal?: AbortSignal | undefined } = {},
): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const me = JSON.stringify({ ...identityOf(process.pid), nonce: crypto.randomUUID() });
  let told = false;
  while (!tryLock(path, me)) {
    const owner = ownerOf(path);
    if (owner && !told) options.onWait?.(owner.pid);
    told ||= owner !== undefined;
    await sleep(POLL_MS, undefined, options.signal && { signal: options.signal });
  }
  try {
    return await body();
  } finally {
    if (contents(path) === me) rmSync(path, { force: true });
  }
}

/** A link appears whole or not at all, so no one reads a lock file that is half written. */
function tryLock(path: string, me: string): boolean {
  const candidate = `${path}.${process.pid}.${crypto.randomUUID()}`;
  writeFileSync(candidate, me);
  try {
    linkSync(candidate, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const held = contents(path);
    if (held !== undefined && !isHeld(held)) breakLock(path, held);
    return false;
  } finally {
    rmSync(candidate, { force: true });
  }
}

/** Two runs may break the same stale lock; the later one finds a fresh lock in its hand and puts it back. */
function breakLock(path: string, stale: string): void {
  const grave = `${path}.stale.${crypto.randomUUID()}`;
  try {
    renameSync(path, grave);
    if (contents(grave) !== stale) linkSync(grave, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    rmSync(grave, { force: true });
  }
}

function contents(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parseOwner(text: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(text) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

function isHeld(text: string): boolean {
  const owner = parseOwner(text);
  return owner !== undefined && isAlive(owner);
}

function ownerOf(path: string): ProcessIdentity | undefined {
  const text = contents(path);
  return text === undefined ? undefined : parseOwner(text);
}
