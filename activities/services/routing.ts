import type { IRangeResponse } from 'etcd3';
import {
  BORDERS,
  CHANGED_KEY,
  definitionKey,
  endOf,
  frozenKey,
  ROUTERS,
  servicePrefix,
} from '../../domain/discovery/keys.ts';
import { routerReportSchema, type RouterReport } from '../../domain/discovery/values.ts';
import { withDiscovery } from '../cloud/discovery.ts';
import type { EtcdAccess } from '../cloud/etcd.ts';

/** What routers read of a service and how far each of them is, at one revision of the discovery etcd. */
export interface Routing {
  /** Addresses by instance number. */
  readonly hosts: ReadonlyMap<number, string>;
  /** Revision of the last change of what routers read. */
  readonly revision: number;
  /** Since when nothing is taken out, because all presence of the service is lost. */
  readonly frozenSince: string | undefined;
  /** Borders by id, each with what its router says; `undefined` where it is silent. */
  readonly routers: ReadonlyMap<string, RouterReport | undefined>;
  /** As somebody wrote it: JSON. */
  readonly definition: string | undefined;
}

const below = (prefix: string) => ({
  key: Buffer.from(prefix),
  range_end: Buffer.from(endOf(prefix)),
});
const exactly = (key: string) => ({ key: Buffer.from(key) });

export const readRouting = (access: EtcdAccess, service: string): Promise<Routing> =>
  withDiscovery(access, async (client) => {
    const prefix = `${servicePrefix(service)}hosts/`;
    const ranges = [
      below(prefix),
      exactly(CHANGED_KEY),
      exactly(frozenKey(service)),
      below(BORDERS),
      below(ROUTERS),
      exactly(definitionKey(service)),
    ];
    const { responses } = await client.kv.txn({
      compare: [],
      success: ranges.map((request_range) => ({ request_range })),
      failure: [],
    });
    const [hosts, changed, frozen, borders, routers, definition] = responses.map(
      (one) => (one.response_range as IRangeResponse).kvs,
    );
    const reports = new Map(
      (routers ?? []).map(({ key, value }) => [lastOf(key), reportOf(value.toString())]),
    );
    return {
      hosts: new Map((hosts ?? []).map(({ key, value }) => [Number(lastOf(key)), value.toString()])),
      revision: Number(changed?.[0]?.mod_revision ?? 0),
      frozenSince: frozen?.[0] && sinceOf(frozen[0].value.toString()),
      routers: new Map((borders ?? []).map(({ key }) => [lastOf(key), reports.get(lastOf(key))])),
      definition: definition?.[0]?.value.toString(),
    };
  });

const lastOf = (key: Buffer): string => key.toString().split('/').at(-1) ?? '';

function reportOf(text: string): RouterReport | undefined {
  try {
    return routerReportSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function sinceOf(text: string): string {
  try {
    return String((JSON.parse(text) as { since?: unknown }).since ?? 'some time');
  } catch {
    return 'some time';
  }
}

/** Writes how a service is reached, or that it no longer is. */
export const writeDefinition = (
  access: EtcdAccess,
  service: string,
  definition: string | undefined,
): Promise<void> =>
  withDiscovery(access, async (client) => {
    if (definition === undefined) await client.delete().key(definitionKey(service));
    else await client.put(definitionKey(service)).value(definition);
  });

/** Which routers have not loaded what is to be routed now, and why; none when all have. */
export const behind = ({ revision, routers }: Routing): string[] =>
  unless(routers, (report) => report.revision >= revision, `revision ${revision}`);

/** Which routers still have a process that may send requests to what is no longer routed since `revision`. */
export const undrained = ({ routers }: Routing, revision: number): string[] =>
  unless(routers, (report) => report.drained >= revision, `the end of connections from before ${revision}`);

function unless(
  routers: Routing['routers'],
  isThere: (report: RouterReport) => boolean,
  what: string,
): string[] {
  if (routers.size === 0) return ['no border is known'];
  return [...routers].flatMap(([id, report]) => {
    if (report === undefined) return [`router of ${id} is silent`];
    if (isThere(report)) return [];
    return [
      `router of ${id} is at ${report.revision}, not yet at ${what}${report.error ? `: ${report.error}` : ''}`,
    ];
  });
}
