/** Keys of the discovery etcd. The layout below `/services/` is what routers read: scheme, hosts, host_port. */
export const MEMBERS = '/members/';
export const BORDERS = '/borders/';
export const DEFINITIONS = '/definitions/';
export const NODES = '/nodes/';
export const SERVICES = '/services/';
export const ROUTERS = '/routers/';
export const FROZEN = '/projector/frozen/';
/** What the projector skipped, and why: a list of `Problem`. */
export const PROBLEMS_KEY = '/projector/problems';
/** Written with every change below `/services/`: its revision is that of the last change, removals included. */
export const CHANGED_KEY = '/projector/changed';

/** The first key that is not below a prefix, which ends with a slash. */
export const endOf = (prefix: string): string => `${prefix.slice(0, -1)}0`;

export const memberKey = (node: string): string => `${MEMBERS}${node}`;
export const borderKey = (instanceId: string): string => `${BORDERS}${instanceId}`;
export const definitionKey = (service: string): string => `${DEFINITIONS}${service}`;
export const routerKey = (instanceId: string): string => `${ROUTERS}${instanceId}`;
export const frozenKey = (service: string): string => `${FROZEN}${service}`;
export const nodePrefix = (node: string): string => `${NODES}${node}/`;
/** Bears the lease of a node's presence and nothing else: without it the node is silent, with it what lacks was withdrawn. */
export const agentKey = (node: string): string => `${nodePrefix(node)}agent`;
export const presenceKey = (node: string, service: string, number: number): string =>
  `${nodePrefix(node)}${service}/${number}`;
export const servicePrefix = (service: string): string => `${SERVICES}${service}/`;

/** A DNS label that leaves room for the number and generation in the names of pods. */
export const SERVICE_NAME = /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/;
export const INSTANCE_NUMBER = /^(0|[1-9]\d{0,8})$/;
const NODE_NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

export type NodeKey =
  | { readonly kind: 'agent'; readonly node: string }
  | { readonly kind: 'instance'; readonly node: string; readonly service: string; readonly number: number }
  | { readonly kind: 'malformed'; readonly reason: string };

const malformed = (reason: string): NodeKey => ({ kind: 'malformed', reason });

/** Reads a key below `/nodes/`. What a node writes there is its own business, so anything may come. */
export function parseNodeKey(key: string): NodeKey {
  if (!key.startsWith(NODES)) return malformed(`it is not below ${NODES}`);
  const [node = '', service, number, ...more] = key.slice(NODES.length).split('/');
  if (!NODE_NAME.test(node)) return malformed(`"${node}" is not the name of a node`);
  if (service === 'agent' && number === undefined) return { kind: 'agent', node };
  if (service === undefined || number === undefined || more.length > 0)
    return malformed(`expected ${NODES}<node>/<service>/<number>`);
  if (!SERVICE_NAME.test(service)) return malformed(`"${service}" is not the name of a service`);
  if (!INSTANCE_NUMBER.test(number)) return malformed(`"${number}" is not the number of an instance`);
  return { kind: 'instance', node, service, number: Number(number) };
}
