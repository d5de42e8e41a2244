import type { Lease } from 'etcd3';
import { CHANGED_KEY, routerKey, SERVICES } from '../../domain/discovery/keys.ts';
import { renderHaproxy, type RouterSettings } from '../../domain/discovery/haproxy.ts';
import { readServices } from '../../domain/discovery/layout.ts';
import { LEASE_SECONDS, type Entry, type RouterReport } from '../../domain/discovery/values.ts';
import { Bell, makeRounds } from '../discovery/rounds.ts';
import {
  holdLease,
  keepSessions,
  watchPrefixes,
  type Session,
  type SessionOptions,
} from '../discovery/session.ts';
import { readBelow } from '../discovery/snapshot.ts';
import { RouterConfiguration } from './configuration.ts';
import type { HaproxyProcess } from './haproxy-process.ts';
import { Drained } from './drained.ts';

export interface RouterOptions extends Omit<SessionOptions, 'name'> {
  readonly instanceId: string;
  /** Where the configuration lies that HAProxy loads. */
  readonly file: string;
  readonly haproxy: HaproxyProcess;
  readonly settings: RouterSettings;
}

const EVERY_MS = 5_000;
/** While former processes end, so that the report follows soon. */
const DRAINING_MS = 250;
/** Reloads are at least this far apart, milliseconds: what changes meanwhile is loaded together. */
const APART_MS = 500;

/**
 * Keeps HAProxy routing by `/services/` and says how far it is, until told to stop. Without etcd HAProxy goes on with
 * what it has, over restarts of either.
 */
export async function runRouter(options: RouterOptions): Promise<void> {
  const configuration = new RouterConfiguration(options.file, options.haproxy);
  configuration.ensure(renderHaproxy(new Map(), options.settings));
  const drained = new Drained();
  await keepSessions({ ...options, name: 'router' }, async (session) => {
    const lease = await holdLease(session, LEASE_SECONDS);
    const router = new Router(options, configuration, drained, session, lease);
    const bell = new Bell();
    await watchPrefixes(session, [SERVICES], bell.ring);
    await makeRounds({ bell, signal: session.signal, everyMs: EVERY_MS }, () => router.round());
  });
}

/** The work of one session. */
class Router {
  readonly #options: RouterOptions;
  readonly #configuration: RouterConfiguration;
  readonly #drained: Drained;
  readonly #session: Session;
  readonly #lease: Lease;
  #reported = '';
  /** What could not be loaded; it is not tried again before something else shall be. */
  #refused: { readonly config: string; readonly error: string } | undefined;
  #reloadedAt = 0;

  constructor(
    options: RouterOptions,
    configuration: RouterConfiguration,
    drained: Drained,
    session: Session,
    lease: Lease,
  ) {
    this.#options = options;
    this.#configuration = configuration;
    this.#drained = drained;
    this.#session = session;
    this.#lease = lease;
  }

  /** Loads what is new and reports; returns when to look again. */
  async round(): Promise<number | undefined> {
    const wait = this.#reloadedAt + APART_MS - Date.now();
    const { revision, below } = await readBelow(this.#session.client, [SERVICES]);
    const config = await this.#wanted(below.get(SERVICES) ?? [], revision);
    const isNew = config !== this.#configuration.read();
    if (isNew && wait > 0 && this.#refused?.config !== config) return Date.now() + wait;
    const error = await this.#load(config, revision, isNew);
    await this.#report(error);
    return this.#drained.isDraining ? Date.now() + DRAINING_MS : undefined;
  }

  /** An etcd to which nobody has ever projected is a fresh one: that it has no service says nothing about services. */
  async #wanted(entries: readonly Entry[], revision: number): Promise<string> {
    const { client } = this.#session;
    const before = this.#configuration.read();
    if (entries.length === 0 && before !== undefined) {
      const changed = await client.get(CHANGED_KEY).revision(revision).exec();
      if (changed.kvs.length === 0) return before;
    }
    return renderHaproxy(readServices(entries).services, this.#options.settings);
  }

  /** Returns why the configuration is not loaded. */
  async #load(config: string, revision: number, isNew: boolean): Promise<string | undefined> {
    if (this.#refused?.config === config) return this.#refused.error;
    try {
      const loaded = await this.#configuration.load(config);
      if (isNew) this.#reloadedAt = Date.now();
      this.#drained.note(loaded, revision);
      this.#refused = undefined;
      return undefined;
    } catch (cause) {
      const error = (cause as Error).message;
      console.error(`router: ${error}`);
      // Where HAProxy does not answer, it is asked again; what it refuses, it refuses again.
      if (error.startsWith('haproxy refuses')) this.#refused = { config, error };
      return error;
    }
  }

  async #report(error: string | undefined): Promise<void> {
    const { revision, drained } = this.#drained;
    const said = JSON.stringify([revision, drained, error]);
    if (said === this.#reported) return;
    const report: RouterReport = {
      ...{ revision, drained, at: new Date().toISOString() },
      ...(error === undefined ? {} : { error: error.slice(0, 1_000) }),
    };
    await this.#lease.put(routerKey(this.#options.instanceId)).value(JSON.stringify(report)).exec();
    this.#reported = said;
  }
}
