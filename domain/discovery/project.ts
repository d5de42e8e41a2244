import type { z } from 'zod';
import { contains, parseAddress, parseCidr } from '../network/cidr.ts';
import { DEFINITIONS, MEMBERS, parseNodeKey, SERVICE_NAME } from './keys.ts';
import {
  definitionSchema,
  memberSchema,
  presenceSchema,
  type Definition,
  type Entry,
  type Member,
  type Problem,
  type ServiceView,
  type ServiceViews,
} from './values.ts';

/** Port of the router on which services are told apart by host name and path. */
export const HTTP_PORT = 80;

export interface Projection {
  readonly services: ServiceViews;
  readonly problems: readonly Problem[];
  readonly members: ReadonlyMap<string, Member>;
  /** Nodes whose agent holds its lease. */
  readonly live: ReadonlySet<string>;
}

/**
 * What routers shall read, from what nodes announce. A node is believed about its own pods only: an address outside of
 * its pod range, a node or service that nobody defined and whatever cannot be read is skipped and named.
 */
export function project(
  presence: readonly Entry[],
  members: readonly Entry[],
  definitions: readonly Entry[],
): Projection {
  const problems: Problem[] = [];
  const nodes = readAll(members, MEMBERS, memberSchema, problems);
  const defined = readAll(definitions, DEFINITIONS, definitionSchema, problems, SERVICE_NAME);
  const hosts = new Map<string, Map<number, Claim>>([...defined.keys()].map((name) => [name, new Map()]));
  const live = new Set<string>();
  for (const entry of presence) {
    const key = parseNodeKey(entry.key);
    if (key.kind === 'agent' && nodes.has(key.node)) live.add(key.node);
    const reason = key.kind === 'malformed' ? key.reason : place(entry, key, nodes, hosts, problems);
    if (reason !== undefined) problems.push({ key: entry.key, reason });
  }
  const services = new Map<string, ServiceView>();
  for (const [name, definition] of defined)
    services.set(name, viewOf(name, definition, hosts.get(name) ?? new Map(), services, problems));
  return { services, problems, members: nodes, live };
}

/** An instance as a node announces it. */
interface Claim extends Entry {
  readonly address: string;
}

type NodeKey = Exclude<ReturnType<typeof parseNodeKey>, { kind: 'malformed' }>;

/** Puts an announced instance among the hosts of its service; returns why not. */
function place(
  entry: Entry,
  key: NodeKey,
  nodes: ReadonlyMap<string, Member>,
  hosts: ReadonlyMap<string, Map<number, Claim>>,
  problems: Problem[],
): string | undefined {
  const member = nodes.get(key.node);
  if (member === undefined) return `node "${key.node}" is no member`;
  if (key.kind === 'agent') return undefined;
  const claims = hosts.get(key.service);
  if (claims === undefined) return `service "${key.service}" is not defined`;
  const value = readValue(presenceSchema, entry.value);
  if (typeof value === 'string') return value;
  const reason = misplaced(value.address, member.podCidr);
  if (reason !== undefined) return reason;
  const other = claims.get(key.number);
  const claim = { ...entry, address: value.address };
  if (other === undefined) {
    claims.set(key.number, claim);
    return undefined;
  }
  // A pod that moved is announced by its old node until that node's lease ends: who came later is right.
  const [newer, older] = isLater(claim, other) ? [claim, other] : [other, claim];
  claims.set(key.number, newer);
  problems.push({ key: older.key, reason: `"${newer.key}" announces the same instance, and later` });
  return undefined;
}

const isLater = (a: Entry, b: Entry): boolean =>
  a.created === b.created ? a.key < b.key : a.created > b.created;

function misplaced(address: string, podCidr: string): string | undefined {
  const [ip = '', port] = address.split(':');
  try {
    if (Number(port) < 1 || Number(port) > 65_535) return `"${address}" has no port`;
    if (contains(parseCidr(podCidr), { first: parseAddress(ip), prefix: 32 })) return undefined;
  } catch {
    return `"${address}" is not an address and port`;
  }
  return `"${address}" is outside of the node's pod range ${podCidr}`;
}

/** A service as routers read it; a port that is taken is left out, the rest of the service is not. */
function viewOf(
  name: string,
  { scheme, hostPort, publicNames }: Definition,
  claims: ReadonlyMap<number, Claim>,
  others: ServiceViews,
  problems: Problem[],
): ServiceView {
  const taken =
    hostPort === undefined
      ? undefined
      : hostPort === HTTP_PORT
        ? 'port 80 is the router’s own, by host name and path'
        : [...others]
            .filter(([, other]) => other.hostPort === hostPort)
            .map(([other]) => `port ${hostPort} is that of service "${other}"`)[0];
  if (taken !== undefined) problems.push({ key: `${DEFINITIONS}${name}`, reason: taken });
  const hosts = Object.fromEntries([...claims].map(([number, { address }]) => [number, address]));
  const port = hostPort === undefined || taken !== undefined ? {} : { hostPort };
  return { scheme, ...port, names: publicNames.toSorted(), hosts };
}

/** Values by the last part of their keys, in the order of keys. */
function readAll<S extends z.ZodType>(
  entries: readonly Entry[],
  prefix: string,
  schema: S,
  problems: Problem[],
  name = /^[^/]+$/,
): Map<string, z.output<S>> {
  const found = new Map<string, z.output<S>>();
  for (const { key, value } of entries.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    const last = key.slice(prefix.length);
    const read = readValue(schema, value);
    if (!name.test(last)) problems.push({ key, reason: `"${last}" is not a name` });
    else if (typeof read === 'string') problems.push({ key, reason: read });
    else found.set(last, read);
  }
  return found;
}

/** The value, or in a sentence why it cannot be read. */
function readValue<S extends z.ZodType>(schema: S, text: string): z.output<S> | string {
  try {
    const read = schema.safeParse(JSON.parse(text));
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    return `cannot read its value at "${issue?.path.join('.')}": ${issue?.message}`;
  } catch {
    return 'its value is not JSON';
  }
}
