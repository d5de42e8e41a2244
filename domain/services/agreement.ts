import type { ServiceSpec, ServicesSpec } from './spec.ts';

export interface Disagreement {
  readonly path: readonly (string | number)[];
  /** What would have been right. */
  readonly message: string;
}

/** Ports of the border that its router needs for what is found by host name. */
const ROUTER_PORTS = [80, 443];

/** What cannot be right together, each field being right by itself. */
export function disagreements(services: ServicesSpec): Disagreement[] {
  return [
    ...Object.entries(services).flatMap(([name, spec]) =>
      withinService(spec).map(({ path, message }) => ({ path: [name, ...path], message })),
    ),
    ...betweenServices(services),
  ];
}

const withinService = (spec: ServiceSpec): Disagreement[] => [
  ...repeated(spec, (one) => one.name, 'name', 'a name that no other container of the service has'),
  ...repeated(spec, (one) => one.port, 'port', 'a port that no other container has: they share an address'),
  ...targets(spec),
  ...endpoints(spec),
  ...serving(spec),
  ...(typeof spec.num_instances === 'number' && (spec.min_available ?? 0) > spec.num_instances
    ? [{ path: ['min_available'], message: `at most num_instances, ${spec.num_instances}` }]
    : []),
  ...(spec.health?.type === 'tcp' && spec.health.path !== undefined
    ? [{ path: ['health', 'path'], message: 'nothing: a check of type tcp has no path' }]
    : []),
];

function repeated(
  { containers }: ServiceSpec,
  valueOf: (one: ServiceSpec['containers'][number]) => string | number | undefined,
  field: string,
  message: string,
): Disagreement[] {
  const first = (value: unknown) => containers.findIndex((one) => valueOf(one) === value);
  return containers.flatMap((one, at) =>
    valueOf(one) !== undefined && first(valueOf(one)) < at
      ? [{ path: ['containers', at, field], message }]
      : [],
  );
}

const targets = ({ containers }: ServiceSpec): Disagreement[] =>
  containers.flatMap(({ volumes }, at) => {
    const all = Object.values(volumes);
    const twice = Object.entries(volumes).find(
      ([, target]) => all.indexOf(target) !== all.lastIndexOf(target),
    );
    const message = 'another path: two sources cannot be seen at the same place';
    return twice ? [{ path: ['containers', at, 'volumes', twice[0]], message }] : [];
  });

/** A service is one entry in discovery: one port, one scheme, any number of names. */
function endpoints({ public_endpoints: all, containers }: ServiceSpec): Disagreement[] {
  const published = all.filter(({ scheme }) => scheme !== undefined);
  const [first] = published;
  if (!first || containers.length === 0) return [];
  return all.flatMap((one, at) => {
    if (one.scheme === undefined) return [];
    const path = ['public_endpoints', at] as const;
    if (one.port !== first.port)
      return [
        { path: [...path, 'port'], message: `${first.port}, as the first one has: a service has one port` },
      ];
    if (one.scheme !== first.scheme)
      return [{ path: [...path, 'scheme'], message: `"${first.scheme}", as the first one has` }];
    if (one.scheme === 'tcp' && ROUTER_PORTS.includes(one.port))
      return [
        { path: [...path, 'port'], message: 'a port other than 80 and 443, which the router needs itself' },
      ];
    return [];
  });
}

function serving({ containers, public_endpoints: all, health }: ServiceSpec): Disagreement[] {
  if (containers.length === 0)
    return health ? [{ path: ['health'], message: 'nothing, for a service without containers' }] : [];
  const ports = containers.flatMap(({ port }) => (port === undefined ? [] : [port]));
  if (ports.length === 0)
    return [
      { path: ['containers', 0, 'port'], message: 'the port that it listens on: instances are routed by it' },
    ];
  const known = ports.join(' or ');
  const at = all.findIndex(({ scheme, port }) => scheme !== undefined && !ports.includes(port));
  if (at >= 0)
    return [{ path: ['public_endpoints', at, 'port'], message: `a port of its containers: ${known}` }];
  if (health?.port !== undefined && !ports.includes(health.port))
    return [{ path: ['health', 'port'], message: `a port of its containers: ${known}` }];
  return [];
}

/** Names and TCP ports are the zone's: two services cannot have the same. */
function betweenServices(services: ServicesSpec): Disagreement[] {
  const seen = new Map<string, string>();
  return Object.entries(services).flatMap(([service, { public_endpoints: all }]) =>
    all.flatMap(({ name, port, scheme }, at) => {
      const claims = [['name', `name ${name}`] as const];
      const both = scheme === 'tcp' ? [...claims, ['port', `port ${port}`] as const] : claims;
      return both.flatMap(([field, claim]) => {
        const holder = seen.get(claim) ?? service;
        seen.set(claim, holder);
        if (holder === service) return [];
        return [
          { path: [service, 'public_endpoints', at, field], message: `another than that of "${holder}"` },
        ];
      });
    }),
  );
}
