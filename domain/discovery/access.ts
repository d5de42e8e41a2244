import {
  BORDERS,
  CHANGED_KEY,
  DEFINITIONS,
  MEMBERS,
  NODES,
  nodePrefix,
  ROUTERS,
  routerKey,
  SERVICES,
} from './keys.ts';

/** Who may do what in the discovery etcd. A user is the common name of a certificate of the authority `discovery`. */
export interface DiscoveryUser {
  readonly name: string;
  readonly grants: readonly Grant[];
}

export interface Grant {
  /** A key, or with a slash at its end everything below it. */
  readonly key: string;
  readonly permission: 'Read' | 'Write' | 'Readwrite';
}

/** The zone worker's: etcd lets no other user manage users. */
export const ROOT_USER = 'root';

/** A worker writes below its own prefix and sees nothing else. */
export const nodeUser = (node: string): DiscoveryUser => ({
  name: `node:${node}`,
  grants: [{ key: nodePrefix(node), permission: 'Readwrite' }],
});

export const projectorUser = (instanceId: string): DiscoveryUser => ({
  name: `projector:${instanceId}`,
  grants: [
    ...[MEMBERS, BORDERS, DEFINITIONS, NODES].map((key) => ({ key, permission: 'Read' }) as const),
    { key: SERVICES, permission: 'Readwrite' },
    { key: '/projector/', permission: 'Readwrite' },
  ],
});

export const routerUser = (instanceId: string): DiscoveryUser => ({
  name: `router:${instanceId}`,
  grants: [
    { key: SERVICES, permission: 'Read' },
    { key: CHANGED_KEY, permission: 'Read' },
    { key: routerKey(instanceId), permission: 'Readwrite' },
  ],
});

/** Everything that the check of routers looks at lies below these. */
export const ROUTER_RANGES = [BORDERS, ROUTERS] as const;
