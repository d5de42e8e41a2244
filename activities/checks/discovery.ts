import { Context } from '@temporalio/activity';
import type { Etcd3 } from 'etcd3';
import {
  BORDERS,
  CHANGED_KEY,
  definitionKey,
  FROZEN,
  frozenKey,
  PROBLEMS_KEY,
  ROUTERS,
  servicePrefix,
  SERVICES,
} from '../../domain/discovery/keys.ts';
import { numbersOf, readServices } from '../../domain/discovery/layout.ts';
import { behind, type Behind } from '../../domain/discovery/routers.ts';
import {
  definitionSchema,
  problemSchema,
  routerReportSchema,
  serviceName,
  type Definition,
  type Problem,
  type RouterReport,
  type ServiceView,
} from '../../domain/discovery/values.ts';
import { NotYet } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { readPrefix, withDiscovery } from '../cloud/discovery.ts';
import type { EtcdAccess } from '../cloud/etcd.ts';
import { asActivity } from '../failures.ts';
import type { NoInput } from './account.ts';

const DELAY_MS = 500;

export interface DefineService {
  readonly service: string;
  readonly definition: Definition;
}

export interface AnnouncedCheck {
  readonly service: string;
  /** Numbers of instances that must be routable; waits until they are. */
  readonly present?: readonly number[];
  /** Numbers that must not; waits until they are gone. */
  readonly absent?: readonly number[];
}

export interface Announced {
  /** Numbers of the instances that routers are told of, ascending. */
  readonly instances: readonly number[];
  /** Revision of the last change of the service: what `discovery.loaded` is asked for. */
  readonly revision: number;
  /** All of its presence is lost; routers keep what they had. */
  readonly frozen: boolean;
}

export interface LoadedCheck {
  readonly revision: number;
  /**
   * Also waits until no process of a router routes by an older revision: connections from before the reload have
   * ended. Requests over HTTP come to that in seconds, TCP connections when their clients close them.
   */
  readonly drained?: boolean;
}

export interface DiscoveryState {
  readonly services: Readonly<Record<string, ServiceView>>;
  /** Reports by the instance ids of borders; nothing of a border whose router is silent. */
  readonly routers: Readonly<Record<string, RouterReport | null>>;
  readonly frozen: readonly string[];
  readonly problems: readonly Problem[];
}

export const discoveryChecks = (access: EtcdAccess) => ({
  /** Says how a service is reached; without that its instances are routed to by nobody. */
  'discovery.define': asActivity('define a service', async ({ service, definition }: DefineService) => {
    const name = parse(serviceName, service, 'the name of a service');
    const value = JSON.stringify(parse(definitionSchema, definition, `the definition of "${service}"`));
    return withDiscovery(access, async (client) => {
      const { header } = await client.put(definitionKey(name)).value(value).exec();
      return { revision: Number(header.revision) };
    });
  }),

  /** Takes a service out of all routers, whatever announces it. */
  'discovery.forget': asActivity('forget a service', async ({ service }: { readonly service: string }) =>
    withDiscovery(access, async (client) => {
      await client.delete().key(definitionKey(service)).exec();
    }),
  ),

  /** Which instances of a service routers are told of. */
  'discovery.announced': asActivity('look up instances', async (check: AnnouncedCheck) =>
    withDiscovery(access, (client) => announced(client, check)),
  ),

  /**
   * Waits until every router has loaded a revision. A border whose router is silent counts as absent once its lease
   * and a reload would have ended since the check began; the result names it.
   */
  'discovery.loaded': asActivity('check routers', async (check: LoadedCheck) => {
    const { routers } = await withDiscovery(access, state);
    const { scheduledTimestampMs } = Context.current().info;
    const found = behind(routers, { ...check, waitedMs: Date.now() - scheduledTimestampMs });
    if (found.waiting.length > 0) throw notLoaded(check, found);
    return { routers: Object.keys(routers), silent: found.silent };
  }),

  /** All that routers are told, and how far they are. */
  'discovery.services': asActivity('look up services', async (_input: NoInput) =>
    withDiscovery(access, state),
  ),
});

async function announced(
  client: Etcd3,
  { service, present = [], absent = [] }: AnnouncedCheck,
): Promise<Announced> {
  const { entries } = await readPrefix(client, servicePrefix(service));
  const view = readServices(entries).services.get(service);
  const instances = view === undefined ? [] : numbersOf(view);
  const changed = view === undefined ? await readPrefix(client, CHANGED_KEY) : undefined;
  const frozen = (await client.get(frozenKey(service)).string()) !== null;
  const missing = present.filter((number) => !instances.includes(number));
  const left = absent.filter((number) => instances.includes(number));
  if (missing.length > 0 || left.length > 0) {
    const why = [
      ...(missing.length > 0
        ? [`announce ${missing.map((number) => `${service}@${number}`).join(', ')}`]
        : []),
      ...(left.length > 0 ? [`withdraw ${left.map((number) => `${service}@${number}`).join(', ')}`] : []),
    ].join(' and ');
    const because = frozen ? `; "${service}" is frozen: all of its presence is lost` : '';
    throw new NotYet(`waiting for nodes to ${why}${because}`, DELAY_MS, { instances, missing, left, frozen });
  }
  // Each change of a service writes its scheme.
  const own = entries.find(({ key }) => key === `${servicePrefix(service)}scheme`);
  return { instances, revision: own?.modified ?? changed?.entries[0]?.modified ?? 0, frozen };
}

async function state(client: Etcd3): Promise<DiscoveryState> {
  const [services, borders, reports, frozen, problems] = await Promise.all([
    readPrefix(client, SERVICES),
    readPrefix(client, BORDERS),
    readPrefix(client, ROUTERS),
    readPrefix(client, FROZEN),
    client.get(PROBLEMS_KEY).string(),
  ]);
  const last = (prefix: string, key: string) => key.slice(prefix.length);
  return {
    services: Object.fromEntries(readServices(services.entries).services),
    routers: {
      ...Object.fromEntries(borders.entries.map(({ key }) => [last(BORDERS, key), null])),
      ...Object.fromEntries(
        reports.entries.map(({ key, value }) => [
          last(ROUTERS, key),
          routerReportSchema.safeParse(JSON.parse(value)).data ?? null,
        ]),
      ),
    },
    frozen: frozen.entries.map(({ key }) => last(FROZEN, key)),
    problems: problemSchema.array().parse(JSON.parse(problems ?? '[]')),
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
