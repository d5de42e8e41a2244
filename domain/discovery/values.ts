import { z } from 'zod';
import { SERVICE_NAME } from './keys.ts';

/** Seconds that presence and reports outlive an agent that no longer refreshes them. */
export const LEASE_SECONDS = 60;

/** Label of pods that are instances of a service, and what else agents look at. */
export const SERVICE_LABEL = 'zonewright.dev/service';
export const NUMBER_LABEL = 'apps.kubernetes.io/pod-index';
export const SERVE_PORT = 'serve';
export const SERVING_GATE = 'zonewright.dev/serving';
export const WITHDRAWN_ANNOTATION = 'zonewright.dev/withdrawn';

const port = z.number().int().min(1).max(65_535);
const hostName = z
  .string()
  .regex(
    /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'a host name',
  );
export const ADDRESS = /^\d{1,3}(\.\d{1,3}){3}:\d{1,5}$/;
export const address = z.string().regex(ADDRESS, 'an address and port, e.g. "10.64.0.5:8080"');

export const serviceName = z.string().regex(SERVICE_NAME, 'the name of a service');

/** `/members/<node>`: a worker that may announce, and the range of its pods. */
export const memberSchema = z.object({ podCidr: z.cidrv4(), instanceId: z.string(), name: z.string() });
export type Member = z.infer<typeof memberSchema>;

/** `/borders/<instance id>`: a border whose router counts. */
export const borderSchema = z.object({ name: z.string() });

/** `/definitions/<service>`: how a service is reached; without one its presence is not projected. */
export const definitionSchema = z.object({
  scheme: z.enum(['http', 'tcp']),
  /** Port of the border on which the service is reached beside its names. */
  hostPort: port.optional(),
  /** Host names beside `<service>.<any domain>`. */
  publicNames: z.array(hostName).default([]),
  /** Port of its containers. */
  port,
});
export type Definition = z.output<typeof definitionSchema>;

/** `/nodes/<node>/<service>/<number>`: an instance that serves. */
export const presenceSchema = z.object({ address, pod: z.string(), uid: z.string() });
export type Presence = z.infer<typeof presenceSchema>;

/** `/nodes/<node>/agent` */
export const agentSchema = z.object({ bootId: z.string(), at: z.iso.datetime() });

/** `/routers/<instance id>`, under a lease. */
export const routerReportSchema = z.object({
  /** Highest revision of `/services/` that the router has rendered, checked and loaded. */
  revision: z.number().int(),
  /** Highest revision older than which no process of the router routes: those of earlier reloads have ended. */
  drained: z.number().int(),
  at: z.iso.datetime(),
  /** Why it could not load a later revision. */
  error: z.string().optional(),
});
export type RouterReport = z.infer<typeof routerReportSchema>;

/** `/projector/frozen/<service>` */
export const frozenSchema = z.object({ since: z.iso.datetime(), hosts: z.number().int() });

/** Something that was skipped rather than rendered. */
export const problemSchema = z.object({ key: z.string(), reason: z.string() });
export type Problem = z.infer<typeof problemSchema>;

/** What routers read of a service: its keys below `/services/<name>/`. */
export interface ServiceView {
  readonly scheme: 'http' | 'tcp';
  readonly hostPort?: number;
  readonly names: readonly string[];
  /** `ip:port` by instance number. */
  readonly hosts: Readonly<Record<number, string>>;
}
export type ServiceViews = ReadonlyMap<string, ServiceView>;

/** All that routers are told, and how far they are. */
export interface DiscoveryState {
  readonly services: Readonly<Record<string, ServiceView>>;
  /** Reports by the instance ids of borders; nothing of a border whose router is silent. */
  readonly routers: Readonly<Record<string, RouterReport | null>>;
  /** Services all presence of which is lost: routers keep what they have. */
  readonly frozen: readonly string[];
  /** What was skipped rather than rendered. */
  readonly problems: readonly Problem[];
}

/** A key as etcd gives it. */
export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Revision in which the key was made. */
  readonly created: number;
}
