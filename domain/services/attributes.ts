import { z } from 'zod';
import { text, wholeNumber } from '../zone/fields.ts';

/** Parts of a service in `services.yml`, each with the attributes and defaults that its documentation gives it. */

const port = wholeNumber(1, 65_535);

// RFC 1123 labels: names of services are parts of host names, of pods' names and of keys in etcd.
export const NAME = /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/;
const NAME_EXPECTED = 'lower-case letters, digits and dashes, beginning with a letter, at most 40';
export const serviceName = text(NAME, NAME_EXPECTED);

/** https://github.com/distribution/reference: host, path, tag, digest. */
const IMAGE =
  /^([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*(:\d{1,5})?\/)?[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*)*(:\w[\w.-]{0,127})?(@[a-z0-9]+:[0-9a-f]{32,128})?$/;
export const imageName = text(
  IMAGE,
  'the name of a container image, e.g. "registry.example.com/web:2" (lower case, tag after ":")',
);

/** What a container may not see of its machine: keys, and what the machine itself runs on. */
const CLOSED = [
  ...['/dev', '/etc', '/proc', '/sys', '/run', '/var/run', '/root', '/boot'],
  ...[
    '/var/lib/kubelet',
    '/var/lib/etcd',
    '/var/lib/etcd-discovery',
    '/var/lib/containerd',
    '/var/lib/zonewright',
  ],
];
const within = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
const isPath = (path: string): boolean =>
  /^(\/[^/\0]+)+$/.test(path) && path.split('/').every((part) => part !== '..' && part !== '.');

const sourcePath = z
  .string()
  .refine(isPath, { error: 'an absolute path without "..", e.g. "/srv/data"' })
  .refine((path) => !CLOSED.some((folder) => within(path, folder) || within(folder, path)), {
    error: `a path of the machine that holds neither its keys nor its state: not in or above ${CLOSED.join(', ')}`,
  });
const targetPath = z
  .string()
  .refine((path) => isPath(path), { error: 'an absolute path in the container, e.g. "/data"' });

export const container = z.strictObject({
  name: text(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'lower-case letters, digits and dashes, at most 63, e.g. "app"',
  ).meta({ description: 'Name of the container; containers of different services may have the same.' }),
  image: imageName.meta({ description: 'Which image to run.' }),
  port: port
    .optional()
    .meta({ description: 'Port that the container listens on, at the address of its pod.' }),
  docker_options: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .meta({ description: 'Options of "docker run". Parsed; has no effect, since nothing runs docker.' }),
  args: z
    .union([z.array(z.string()), z.string()])
    .optional()
    .meta({ description: 'Arguments of the entry point: a list, or words as a shell would part them.' }),
  volumes: z
    .record(sourcePath, targetPath)
    .default({})
    .meta({ description: 'Paths of the machine, each with the path where the container sees it.' }),
});

const keyUsage = z.enum(['client', 'server', 'both']);

export const credential = z.strictObject({
  name: text(/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/, 'a name for this pair, usually that of the service'),
  enable_client: z.boolean().default(true),
  client_cert_mode: keyUsage.default('client'),
  enable_server: z.boolean().default(true),
  server_cert_mode: keyUsage.default('server'),
  extra_san: z.array(z.string().min(1)).default([]),
});

const discovery = z.enum(['static', 'dynamic']);

export const monitoringEndpoint = z.strictObject({
  /** Name of the service without it. */
  job_name: z.string().min(1).optional(),
  type: discovery.optional(),
  port,
  scheme: z.enum(['http', 'https']).default('https'),
});

export const publicEndpoint = z.strictObject({
  name: serviceName.meta({ description: 'Public name: <name>.<domain of the zone>, and /<name>.' }),
  type: discovery.optional(),
  port: port.meta({ description: 'Port where the service is running.' }),
  scheme: z
    .string({ error: '"http" or "tcp"' })
    .superRefine((scheme, context) => {
      if (scheme === 'http' || scheme === 'tcp') return;
      const why = scheme === 'https' ? ': there is no TLS between router and service yet' : '';
      context.addIssue({ code: 'custom', message: `"http" or "tcp"${why}` });
    })
    .optional()
    .meta({
      enum: ['http', 'tcp'],
      description:
        'https where it is left out; since there is no TLS yet, such an endpoint is not published.',
    }),
});

export const health = z.strictObject({
  type: z
    .enum(['http', 'tcp'])
    .optional()
    .meta({ description: 'http where a path is given, else tcp: whether the port accepts a connection.' }),
  path: text(/^\/[^\s#]*$/, 'a path, e.g. "/healthz"').optional(),
  port: port.optional().meta({ description: 'The port that is served, without it.' }),
  interval_seconds: wholeNumber(1, 300).default(2),
  timeout_seconds: wholeNumber(1, 60).default(2),
  /** Failures in a row after which an instance is no longer routed. */
  failures: wholeNumber(1, 20).default(3),
});

export type Container = z.output<typeof container>;
export type Health = z.output<typeof health>;
export type PublicEndpoint = z.output<typeof publicEndpoint>;
