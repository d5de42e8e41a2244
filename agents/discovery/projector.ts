import type { Etcd3, IRequestOp } from 'etcd3';
import {
  CHANGED_KEY,
  DEFINITIONS,
  FROZEN,
  frozenKey,
  MEMBERS,
  NODES,
  PROBLEMS_KEY,
  servicePrefix,
  SERVICES,
} from '../../domain/discovery/keys.ts';
import { readServices, serviceKeys } from '../../domain/discovery/layout.ts';
import { project, type Projection } from '../../domain/discovery/project.ts';
import { settle, type Settled } from '../../domain/discovery/settle.ts';
import type { Entry, Problem, ServiceView, ServiceViews } from '../../domain/discovery/values.ts';
import { Bell, makeRounds } from './rounds.ts';
import { keepSessions, watchPrefixes, type SessionOptions } from './session.ts';
import { readBelow } from './snapshot.ts';

const READ = [MEMBERS, DEFINITIONS, NODES] as const;
const WRITTEN = [SERVICES, '/projector/'] as const;
const EVERY_MS = 5_000;

/** Keeps `/services/` what nodes announce, as far as they may, until told to stop. */
export async function runProjector(options: Omit<SessionOptions, 'name'>): Promise<void> {
  const silence = new Silence();
  await keepSessions({ ...options, name: 'projector' }, async (session) => {
    const bell = new Bell();
    await watchPrefixes(session, READ, bell.ring);
    await makeRounds({ bell, signal: session.signal, everyMs: EVERY_MS }, () =>
      projectOnce(session.client, silence),
    );
  });
}

/** Since when nodes are silent, as far as this process saw it. */
class Silence {
  readonly since = new Map<string, number>();

  note({ members, live }: Projection, now: number): void {
    for (const node of [...this.since.keys()])
      if (live.has(node) || !members.has(node)) this.since.delete(node);
    for (const node of members.keys())
      if (!live.has(node) && !this.since.has(node)) this.since.set(node, now);
  }
}

/** Writes what differs, a transaction for each service; returns when to look again. */
async function projectOnce(client: Etcd3, silence: Silence): Promise<number | undefined> {
  const now = Date.now();
  const { below } = await readBelow(client, [...READ, ...WRITTEN]);
  const at = (prefix: string) => below.get(prefix) ?? [];
  const projection = project(at(NODES), at(MEMBERS), at(DEFINITIONS));
  silence.note(projection, now);
  const stored = at(SERVICES);
  const { services: current, problems } = readServices(stored);
  const settled = settle({ ...projection, current, silentSince: silence.since, now });
  for (const name of namesIn(stored, settled.services))
    await writeService(client, name, stored, settled.services.get(name));
  await writeFindings(client, at('/projector/'), settled, current, [...projection.problems, ...problems]);
  return settled.lookAt;
}

/** All services that are or shall be there, a part of whose keys cannot be read included. */
const namesIn = (stored: readonly Entry[], services: ServiceViews): ReadonlySet<string> =>
  new Set([...stored.map(({ key }) => key.slice(SERVICES.length).split('/')[0] ?? ''), ...services.keys()]);

const put = (key: string, value: string): IRequestOp => ({
  request_put: { key: Buffer.from(key), value: Buffer.from(value) },
});
const remove = (key: string): IRequestOp => ({ request_delete_range: { key: Buffer.from(key) } });

/** One transaction: a reader sees all of a change or nothing. The scheme is written with each, and bears its revision. */
async function writeService(
  client: Etcd3,
  name: string,
  stored: readonly Entry[],
  view: ServiceView | undefined,
): Promise<void> {
  const prefix = servicePrefix(name);
  const there = new Map(
    stored.filter(({ key }) => key.startsWith(prefix)).map(({ key, value }) => [key, value]),
  );
  const keys = view === undefined ? new Map<string, string>() : serviceKeys(name, view);
  const gone = [...there.keys()].filter((key) => !keys.has(key));
  const changed = [...keys].filter(([key, value]) => there.get(key) !== value);
  if (gone.length === 0 && changed.length === 0) return;
  const written = new Map(changed);
  if (view !== undefined) written.set(`${prefix}scheme`, view.scheme);
  await client.kv.txn({
    compare: [],
    failure: [],
    success: [
      ...gone.map(remove),
      ...[...written].map(([key, value]) => put(key, value)),
      put(CHANGED_KEY, JSON.stringify({ service: name })),
    ],
  });
}

/** What was skipped and what is frozen, for people and checks. */
async function writeFindings(
  client: Etcd3,
  stored: readonly Entry[],
  { frozen }: Settled,
  current: ServiceViews,
  problems: readonly Problem[],
): Promise<void> {
  const there = new Map(stored.map(({ key, value }) => [key, value]));
  const found = JSON.stringify(problems.slice(0, 100));
  const thawed = [...there.keys()].filter(
    (key) => key.startsWith(FROZEN) && !frozen.has(key.slice(FROZEN.length)),
  );
  const since = new Date().toISOString();
  const changes = [
    ...(there.get(PROBLEMS_KEY) === found ? [] : [put(PROBLEMS_KEY, found)]),
    ...thawed.map(remove),
    ...[...frozen]
      .filter((name) => !there.has(frozenKey(name)))
      .map((name) => {
        const hosts = Object.keys(current.get(name)?.hosts ?? {}).length;
        return put(frozenKey(name), JSON.stringify({ since, hosts }));
      }),
  ];
  if (changes.length > 0) await client.kv.txn({ compare: [], failure: [], success: changes });
}
