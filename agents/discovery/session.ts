import type { Etcd3, Lease } from 'etcd3';
import { setTimeout as sleep } from 'node:timers/promises';

/** One connection to one member, from which nothing is expected to survive its first failure. */
export interface Session {
  readonly client: Etcd3;
  /** Aborted when the connection, lease or watch is lost; its reason says why. */
  readonly signal: AbortSignal;
  /** Ends the session, so that another begins. */
  readonly fail: (reason: string, cause?: unknown) => void;
}

export interface SessionOptions {
  /** For the journal. */
  readonly name: string;
  readonly open: () => Promise<Etcd3>;
  readonly signal: AbortSignal;
  /** Milliseconds between a session and the next, the first time; doubled up to ten times that. */
  readonly pauseMs?: number;
}

/** Runs sessions one after another until told to stop. Whatever fails in one is said, and the next begins. */
export async function keepSessions(
  { name, open, signal, pauseMs = 200 }: SessionOptions,
  run: (session: Session) => Promise<void>,
): Promise<void> {
  let pause = pauseMs;
  let said = '';
  while (!signal.aborted) {
    const began = Date.now();
    try {
      await oneSession(await open(), signal, run);
    } catch (error) {
      if (signal.aborted) return;
      const why = (error as Error).message;
      // An outage is said once, not at every attempt.
      if (why !== said) console.error(`${name}: ${why}`);
      said = why;
    }
    pause = Date.now() - began > 10_000 ? pauseMs : Math.min(pause * 2, pauseMs * 10);
    await sleep(pause, undefined, { signal }).catch(() => {});
  }
}

async function oneSession(
  client: Etcd3,
  outer: AbortSignal,
  run: (session: Session) => Promise<void>,
): Promise<void> {
  const ending = new AbortController();
  const fail = (reason: string, cause?: unknown) => ending.abort(new Error(reason, { cause }));
  const stop = () => ending.abort(new Error('told to stop'));
  outer.addEventListener('abort', stop, { once: true });
  try {
    await run({ client, signal: ending.signal, fail });
  } finally {
    outer.removeEventListener('abort', stop);
    ending.abort(new Error('the session has ended'));
    client.close();
  }
}

/** Calls `onChange` whenever something below one of the prefixes changes, and once the watch stands. */
export async function watchPrefixes(
  { client, fail, signal }: Session,
  prefixes: readonly string[],
  onChange: () => void,
): Promise<void> {
  await Promise.all(
    prefixes.map(async (prefix) => {
      const watcher = await client.watch().prefix(prefix).create();
      watcher.on('data', onChange);
      watcher.on('disconnected', () => fail(`watch of ${prefix} is lost`));
      watcher.on('error', (error) => fail(`watch of ${prefix} failed: ${error.message}`, error));
      signal.addEventListener('abort', () => void watcher.cancel().catch(() => {}), { once: true });
    }),
  );
  onChange();
}

/** A lease that is kept; the session ends with it. */
export async function holdLease({ client, fail, signal }: Session, seconds: number): Promise<Lease> {
  const lease = client.lease(seconds);
  await lease.grant();
  lease.on('lost', (error) => fail('the lease is lost', error));
  lease.on('keepaliveFailed', () => fail('the lease cannot be kept'));
  // Keys outlive the session by the time that is left of the lease: the next session takes them over.
  signal.addEventListener('abort', () => lease.release(), { once: true });
  return lease;
}
