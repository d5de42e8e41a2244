import { INSTANCE_NUMBER, SERVICE_NAME, servicePrefix, SERVICES } from './keys.ts';
import {
  address,
  definitionSchema,
  type Entry,
  type Problem,
  type ServiceView,
  type ServiceViews,
} from './values.ts';

/** The keys of a service below `/services/`, in the order of their names. */
export function serviceKeys(name: string, view: ServiceView): ReadonlyMap<string, string> {
  const prefix = servicePrefix(name);
  const keys = new Map([[`${prefix}scheme`, view.scheme as string]]);
  if (view.hostPort !== undefined) keys.set(`${prefix}host_port`, String(view.hostPort));
  for (const number of numbersOf(view)) keys.set(`${prefix}hosts/${number}`, view.hosts[number] ?? '');
  for (const [at, each] of view.names.entries()) keys.set(`${prefix}names/${at}`, each);
  return keys;
}

/** Numbers of a service's instances, ascending. */
export const numbersOf = ({ hosts }: Pick<ServiceView, 'hosts'>): readonly number[] =>
  Object.keys(hosts)
    .map(Number)
    .toSorted((a, b) => a - b);

interface Draft {
  scheme?: 'http' | 'tcp';
  hostPort?: number;
  readonly names: string[];
  readonly hosts: Record<number, string>;
}

/** Reads everything below `/services/`. What is no part of the layout is left out and named. */
export function readServices(entries: readonly Pick<Entry, 'key' | 'value'>[]): {
  readonly services: ServiceViews;
  readonly problems: readonly Problem[];
} {
  const drafts = new Map<string, Draft>();
  const problems: Problem[] = [];
  for (const { key, value } of entries) {
    const reason = readKey(drafts, key.slice(SERVICES.length).split('/'), value);
    if (reason !== undefined) problems.push({ key, reason });
  }
  const services = new Map<string, ServiceView>();
  for (const [name, { scheme, ...rest }] of drafts) {
    if (scheme === undefined) problems.push({ key: servicePrefix(name), reason: 'it has no scheme' });
    else services.set(name, { scheme, ...rest });
  }
  return { services, problems };
}

/** Why a key is no part of the layout; nothing when it is. */
function readKey(drafts: Map<string, Draft>, path: readonly string[], value: string): string | undefined {
  const [name = '', field, index, ...more] = path;
  if (!SERVICE_NAME.test(name)) return `"${name}" is not the name of a service`;
  const draft = drafts.get(name) ?? { names: [], hosts: {} };
  drafts.set(name, draft);
  if (field === 'scheme' && index === undefined) return readField(draft, 'scheme', value);
  if (field === 'host_port' && index === undefined) return readField(draft, 'hostPort', value);
  if (more.length > 0 || index === undefined || !INSTANCE_NUMBER.test(index))
    return 'no such key in the layout';
  if (field === 'hosts') {
    if (!address.safeParse(value).success) return `${JSON.stringify(value)} is not an address and port`;
    draft.hosts[Number(index)] = value;
    return undefined;
  }
  if (field === 'names') return readField(draft, 'name', value);
  return 'no such key in the layout';
}

const { scheme, hostPort, publicNames } = definitionSchema.shape;

function readField(draft: Draft, field: 'scheme' | 'hostPort' | 'name', value: string): string | undefined {
  const wrong = `${JSON.stringify(value)} is not a ${field}`;
  if (field === 'scheme') {
    const read = scheme.safeParse(value);
    if (!read.success) return wrong;
    draft.scheme = read.data;
  } else if (field === 'hostPort') {
    const read = hostPort.safeParse(Number(value));
    if (!read.success || read.data === undefined) return wrong;
    draft.hostPort = read.data;
  } else {
    const read = publicNames.safeParse([value]);
    if (!read.success) return wrong;
    draft.names.push(value);
  }
  return undefined;
}
