import { Context } from '@temporalio/activity';
import type { Etcd3 } from 'etcd3';
import { BORDERS, FROZEN, PROBLEMS_KEY, ROUTERS, SERVICES } from '../../domain/discovery/keys.ts';
import { readServices } from '../../domain/discovery/layout.ts';
import { behind, type Behind } from '../../domain/discovery/routers.ts';
import { problemSchema, routerReportSchema, type DiscoveryState } from '../../domain/discovery/values.ts';
import { NotYet } from '../../domain/errors.ts';
import { readPrefix, withDiscovery } from '../cloud/discovery.ts';
import type { EtcdAccess } from '../cloud/etcd.ts';
import { asActivity } from '../failures.ts';
import type { NoInput } from './account.ts';

const DELAY_MS = 500;

export interface LoadedCheck {
  readonly revision: number;
  /**
   * Also waits until no process of a router routes by an older revision: connections from before the reload have
   * ended. Requests over HTTP come to that in seconds, TCP connections when their clients close them.
   */
  readonly drained?: boolean;
}

export const discoveryChecks = (access: EtcdAccess) => ({
  /**
   * Waits until every router has loaded a revision. A border whose router is silent counts as absent once its lease
   * and a reload would have ended since the check began; the result names it.
   */
  'discovery.loaded': asActivity('check routers', async (check: LoadedCheck) => {
    const routers = await withDiscovery(access, routersOf);
    const { scheduledTimestampMs } = Context.current().info;
    const found = behind(routers, { ...check, waitedMs: Date.now() - scheduledTimestampMs });
    if (found.waiting.length > 0) throw notLoaded(check, found);
    return { routers: Object.keys(routers), silent: found.silent };
  }),

  /** All that routers are told, and how far they are. */
  'discovery.look': asActivity('look at discovery', async (_input: NoInput) => withDiscovery(access, state)),
});

async function state(client: Etcd3): Promise<DiscoveryState> {
  const [services, routers, frozen, problems] = await Promise.all([
    readPrefix(client, SERVICES),
    routersOf(client),
    readPrefix(client, FROZEN),
    client.get(PROBLEMS_KEY).string(),
  ]);
  return {
    services: Object.fromEntries(readServices(services.entries).services),
    routers,
    frozen: frozen.entries.map(({ key }) => key.slice(FROZEN.length)),
    problems: problemSchema.array().parse(JSON.parse(problems ?? '[]')),
  };
}

async function routersOf(client: Etcd3): Promise<DiscoveryState['routers']> {
  const [borders, reports] = await Promise.all([readPrefix(client, BORDERS), readPrefix(client, ROUTERS)]);
  return {
    ...Object.fromEntries(borders.entries.map(({ key }) => [key.slice(BORDERS.length), null])),
    ...Object.fromEntries(
      reports.entries.map(({ key, value }) => [
        key.slice(ROUTERS.length),
        routerReportSchema.safeParse(JSON.parse(value)).data ?? null,
      ]),
    ),
  };
}

function notLoaded({ revision, drained }: LoadedCheck, { waiting }: Behind): NotYet {
  const what = drained
    ? `to route by nothing older than revision ${revision}`
    : `to load revision ${revision}`;
  return new NotYet(`waiting for routers ${what}: ${waiting.map(({ why }) => why).join('; ')}`, DELAY_MS, {
    waiting: waiting.map(({ router }) => router),
  });
}
