import { canonicalJson, sha256Hex } from '../hash.ts';
import type { Container, Health } from './attributes.ts';
import type { ServiceSpec } from './spec.ts';
import { words } from './words.ts';

/** `/definitions/<service>` in the discovery etcd: what is to be known of a service beside its instances. */
export interface ServiceDefinition {
  readonly scheme: 'http' | 'tcp';
  /** Port of the border, of TCP services that are published. */
  readonly hostPort?: number | undefined;
  /** `<name>.<domain>` and `/<name>`; none where it is not published. */
  readonly publicNames: readonly string[];
  readonly port: number;
}

/** How an instance is asked whether it is well. */
export interface HealthCheck {
  readonly type: 'http' | 'tcp';
  readonly port: number;
  readonly path: string;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly failures: number;
}

/** What of a service's specification an instance is made of. Two instances of one shape are of one version. */
export interface ServiceShape {
  readonly containers: readonly Pick<Container, 'name' | 'image' | 'volumes'>[];
  readonly args: Readonly<Record<string, readonly string[]>>;
  readonly ports: Readonly<Record<string, number>>;
  /** Container whose port is announced. */
  readonly serving: string;
  readonly port: number;
  readonly health: HealthCheck;
  readonly group?: string;
}

/** @param spec of a service with containers, as the schema let it pass */
export function shapeOf(spec: ServiceSpec): ServiceShape {
  const { containers, scheduling_group: group } = spec;
  const published = spec.public_endpoints.find(({ scheme }) => scheme !== undefined);
  const serving = containers.find(({ port }) =>
    published === undefined ? port !== undefined : port === published.port,
  );
  if (serving?.port === undefined)
    throw new RangeError('Cannot run a service none of whose containers has a port');
  return {
    containers: containers.map(({ name, image, volumes }) => ({ name, image, volumes })),
    args: Object.fromEntries(
      containers.flatMap(({ name, args }) =>
        args === undefined ? [] : [[name, typeof args === 'string' ? words(args) : args]],
      ),
    ),
    ports: Object.fromEntries(
      containers.flatMap(({ name, port }) => (port === undefined ? [] : [[name, port]])),
    ),
    serving: serving.name,
    port: serving.port,
    health: healthOf(spec.health, serving.port),
    ...(group === undefined ? {} : { group }),
  };
}

const healthOf = (given: Health | undefined, port: number): HealthCheck => ({
  type: given?.type ?? (given?.path === undefined ? 'tcp' : 'http'),
  port: given?.port ?? port,
  path: given?.path ?? '/',
  intervalSeconds: given?.interval_seconds ?? 2,
  timeoutSeconds: given?.timeout_seconds ?? 2,
  failures: given?.failures ?? 3,
});

/** Twelve hexadecimal digits: changes exactly when instances must be replaced. */
export const versionOf = (shape: ServiceShape): string => sha256Hex(canonicalJson(shape)).slice(0, 12);

export function definitionOf(
  { public_endpoints: all }: ServiceSpec,
  { port }: ServiceShape,
): ServiceDefinition {
  const published = all.filter(({ scheme }) => scheme !== undefined);
  const scheme = published[0]?.scheme === 'http' ? 'http' : 'tcp';
  return {
    scheme,
    ...(scheme === 'tcp' && published.length > 0 ? { hostPort: port } : {}),
    publicNames: published.map(({ name }) => name),
    port,
  };
}

/** What is written in a service's specification and does nothing yet: one sentence each. */
export function withoutEffect(name: string, spec: ServiceSpec): string[] {
  const said: string[] = [];
  const say = (is: boolean, what: string) => is && said.push(`${name}: ${what}`);
  say(spec.containers.length === 0, 'has no containers, and nothing else is run');
  say(spec.service_credentials.length > 0, 'service_credentials are not issued yet');
  say(spec.monitoring_endpoints.length > 0, 'monitoring_endpoints are not scraped yet');
  say(
    spec.public_endpoints.some(({ type }) => type !== undefined),
    'type of public_endpoints changes nothing: routers always follow the instances',
  );
  for (const { name: endpoint, scheme } of spec.public_endpoints)
    say(
      scheme === undefined,
      `public endpoint "${endpoint}" is https by default, and is not published until there is TLS; "scheme: http" publishes it in clear`,
    );
  for (const { name: container, docker_options: options, image } of spec.containers) {
    say(options !== undefined, `docker_options of "${container}" have no effect`);
    say(
      !/[@:][^/]*$/.test(image),
      `image "${image}" has neither tag nor digest: nodes may run different ones`,
    );
  }
  return said;
}
