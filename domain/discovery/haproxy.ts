import { sha256Hex } from '../hash.ts';
import { numbersOf } from './layout.ts';
import { HTTP_PORT } from './project.ts';
import type { ServiceView, ServiceViews } from './values.ts';

export interface RouterSettings {
  /** Socket from which a process that follows takes over what listens. */
  readonly statsSocket: string;
  /** Address to listen at; all without it. */
  readonly bind?: string;
  /** Default 80. */
  readonly httpPort?: number;
}

/**
 * The router's configuration. The same services give the same text, whose digest stands in `description`: what a
 * running process answers to `show info` says what it has loaded.
 */
export function renderHaproxy(services: ServiceViews, settings: RouterSettings): string {
  const named = [...services].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const body = [
    DEFAULTS,
    httpFrontend(named, settings),
    ...named.flatMap(([name, view]) => portFrontend(name, view, settings)),
    ...named.map(([name, view]) => backend(name, view)),
  ].join('\n');
  return [`global\n  description ${configDigest(body, settings)}`, global(settings), body].join('\n');
}

/** As `show info` answers it. */
export const describedIn = (config: string): string => /^ {2}description (\S+)$/m.exec(config)?.[1] ?? '';

const configDigest = (body: string, settings: RouterSettings): string =>
  `zonewright-${sha256Hex(`${global(settings)}\n${body}`).slice(0, 32)}`;

/**
 * Nobody's connection is cut by a reload: a process that was followed ends when its last connection does. The limit is
 * for TCP connections that never end.
 */
const global = ({ statsSocket }: RouterSettings): string => `\
  log stderr format raw daemon notice
  stats socket ${statsSocket} mode 660 level admin expose-fd listeners
  hard-stop-after 12h
  maxconn 8000
`;

/**
 * - A request that was sent is never sent again: it is not ours to say that it may. Only a connection that could not be
 *   made is tried again, and at another server, since nothing was asked over it yet.
 * - Each request has its own connection to the service: one that is kept could be closed by the service in the very
 *   moment in which it is used again.
 * - A process that was followed answers one more request on each idle connection, and closes with the answer; closing
 *   at once would cut requests that are on their way. So an idle connection outlives a reload by the time below at most.
 */
const DEFAULTS = `\
defaults
  log global
  mode http
  option dontlognull
  option dontlog-normal
  option http-server-close
  option idle-close-on-response
  option redispatch 1
  retries 3
  retry-on conn-failure
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout queue 5s
  timeout http-request 10s
  timeout http-keep-alive 10s
  timeout tunnel 1h
  timeout client-fin 10s
  default-server check inter 2s fall 2 rise 1
`;

type Named = readonly [name: string, view: ServiceView];

/** By a public name, else by the first label of the host name, whatever the domain, else by the first part of the path. */
function httpFrontend(
  services: readonly Named[],
  { bind = '', httpPort = HTTP_PORT }: RouterSettings,
): string {
  const http = services.filter(([, { scheme }]) => scheme === 'http');
  const unless = '!{ var(txn.service) -m found }';
  const byPublicName = http.flatMap(([name, { names }]) =>
    names.map((host) => `http-request set-var(txn.service) str(${name}) if { var(txn.host) -m str ${host} }`),
  );
  const byLabel = http.map(
    ([name]) =>
      `http-request set-var(txn.service) str(${name}) if ${unless} { var(txn.host) -m beg ${name}. }`,
  );
  const byPath = http.flatMap(([name]) => [
    `http-request set-var(txn.path) str(${name}) if ${unless} { path -m reg ^/${name}(/|$) }`,
    `http-request set-header X-Forwarded-Prefix /${name} if { var(txn.path) -m str ${name} }`,
    `http-request set-path %[path,regsub(^/${name}/*,/)] if { var(txn.path) -m str ${name} }`,
  ]);
  return section('frontend http', [
    `bind ${bind}:${httpPort}`,
    'option httplog',
    'option forwardfor',
    'http-request set-header X-Forwarded-Proto http',
    'http-request del-header X-Forwarded-Prefix',
    'http-request set-var(txn.host) req.hdr(host),field(1,:),lower',
    ...byPublicName,
    ...byLabel,
    ...byPath,
    `http-request return status 404 content-type text/plain string "no such service" if ${unless} !{ var(txn.path) -m found }`,
    'use_backend service_%[var(txn.service)] if { var(txn.service) -m found }',
    'use_backend service_%[var(txn.path)] if { var(txn.path) -m found }',
  ]);
}

function portFrontend(
  name: string,
  { scheme, hostPort }: ServiceView,
  { bind = '' }: RouterSettings,
): string[] {
  if (hostPort === undefined) return [];
  return [
    section(`frontend port_${hostPort}`, [
      `mode ${scheme}`,
      `bind ${bind}:${hostPort}`,
      scheme === 'tcp' ? 'option tcplog' : 'option httplog',
      ...(scheme === 'http' ? ['option forwardfor'] : []),
      `default_backend service_${name}`,
    ]),
  ];
}

const backend = (name: string, view: ServiceView): string =>
  section(`backend service_${name}`, [
    `mode ${view.scheme}`,
    `balance ${view.scheme === 'tcp' ? 'leastconn' : 'roundrobin'}`,
    ...numbersOf(view).map((number) => `server ${name}.${number} ${view.hosts[number]}`),
  ]);

const section = (head: string, lines: readonly string[]): string =>
  `${[head, ...lines.map((line) => `  ${line}`)].join('\n')}\n`;
