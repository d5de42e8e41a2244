import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse as parseYaml } from 'yaml';
import { InvalidInput } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { shapeOf, versionOf, withoutEffect } from '../../domain/services/shape.ts';
import { servicesJsonSchema, servicesSchema } from '../../domain/services/spec.ts';
import { words } from '../../domain/services/words.ts';

const root = join(import.meta.dirname, '../..');
const read = (yaml: string) => parse(servicesSchema, parseYaml(yaml), 'services.yml');

/** The two examples of the documentation that the format comes from. */
const STATIC = `
myservice:
  num_instances: 2
  service_credentials:
    - name: myservice
      enable_client: false
  public_endpoints:
    - name: myservice
      type: static
      port: 1234
`;
const CONTAINERS = `
myservice:
  containers:
    - name: myapp
      image: myapp:latest
      port: 1234
    - name: redis
      image: redis
      port: 6379
  public_endpoints:
    - name: myservice
      type: static
      port: 1234
      scheme: http
`;

test('the documented defaults, all of them', () => {
  const { myservice } = read(STATIC);
  assert.deepEqual(myservice?.service_credentials, [
    {
      name: 'myservice',
      enable_client: false,
      client_cert_mode: 'client',
      enable_server: true,
      server_cert_mode: 'server',
      extra_san: [],
    },
  ]);
  const { web } = read(
    `{web: {monitoring_endpoints: [{port: 9100}], containers: [{name: a, image: a, port: 1}]}}`,
  );
  assert.equal(web?.num_instances, 'all');
  assert.equal(web?.scheduling_group, undefined);
  assert.deepEqual(web?.monitoring_endpoints, [{ port: 9100, scheme: 'https' }]);
  assert.deepEqual(web?.containers[0]?.volumes, {});
});

test('every attribute at once is taken, and taken again unchanged', () => {
  const all = read(`
web:
  scheduling_group: frontends
  num_instances: 3
  service_credentials: [{name: web, enable_client: true, client_cert_mode: both, enable_server: false, server_cert_mode: client, extra_san: [www]}]
  monitoring_endpoints: [{job_name: web, type: dynamic, port: 9100, scheme: http}]
  public_endpoints: [{name: www, type: dynamic, port: 80, scheme: http}]
  containers:
    - {name: app, image: "registry.example.com:5000/team/app@sha256:${'a'.repeat(64)}", port: 80, docker_options: --read-only, args: "--name 'a b'", volumes: {/srv/data: /data}}
`);
  assert.deepEqual(parse(servicesSchema, all, 'again'), all);
  const shape = shapeOf(all['web']!);
  assert.deepEqual([shape.args['app'], shape.group, shape.port], [['--name', 'a b'], 'frontends', 80]);
});

test('what is parsed and does nothing yet is said in one sentence each', () => {
  const { myservice } = read(STATIC);
  const said = withoutEffect('myservice', myservice!);
  assert.equal(said.length, 4);
  assert.match(
    said.join('\n'),
    /no containers[^]*service_credentials are not issued yet[^]*type of public_endpoints/,
  );
  assert.match(said.join('\n'), /"myservice" is https by default, and is not published until there is TLS/);
  const other = withoutEffect('myservice', read(CONTAINERS)['myservice']!).join('\n');
  assert.match(other, /image "redis" has neither tag nor digest/);
  assert.doesNotMatch(other, /myapp/);
});

const app = (more = '') => `containers: [{name: app, image: app:1, port: 80${more}}]`;

for (const [name, yaml, message] of [
  [
    'a misspelt attribute',
    'web: {num_instance: 2}',
    /web\.num_instance: 2 — expected no such key; did you mean "num_instances"\?/,
  ],
  [
    'a misspelt part',
    `web: {${app(', imge: x')}}`,
    /containers\[0\]\.imge: "x" — expected no such key; did you mean "image"\?/,
  ],
  [
    'no instances',
    `web: {num_instances: 0, ${app()}}`,
    /web\.num_instances: 0 — expected "all" or a whole number from 1 to 500/,
  ],
  ['half an instance', `web: {num_instances: 1.5, ${app()}}`, /num_instances: 1\.5/],
  [
    'a malformed image',
    'web: {containers: [{name: a, image: "App:1", port: 1}]}',
    /image: "App:1" — expected the name of a container image/,
  ],
  ['a malformed tag', 'web: {containers: [{name: a, image: "app:", port: 1}]}', /image: "app:"/],
  [
    'https by name',
    `web: {public_endpoints: [{name: web, port: 80, scheme: https}], ${app()}}`,
    /scheme: "https" — expected "http" or "tcp": there is no TLS between router and service yet/,
  ],
  ['a name that is no host name', `Web: {${app()}}`, /a key that is lower-case letters/],
  [
    'no port at all',
    'web: {containers: [{name: app, image: app}]}',
    /containers\[0\]\.port: \(missing\) — expected the port that it listens on/,
  ],
  [
    'an endpoint on no port of it',
    `web: {public_endpoints: [{name: web, port: 81, scheme: http}], ${app()}}`,
    /public_endpoints\[0\]\.port: 81 — expected a port of its containers: 80/,
  ],
  [
    'a health check on no port of it',
    `web: {health: {port: 81}, ${app()}}`,
    /health\.port: 81 — expected a port of its containers: 80/,
  ],
  [
    'two containers of one port',
    'web: {containers: [{name: a, image: a, port: 1}, {name: b, image: b, port: 1}]}',
    /containers\[1\]\.port: 1 — expected a port that no other container has/,
  ],
  [
    'the same public name twice',
    `{a: {public_endpoints: [{name: x, port: 80, scheme: http}], ${app()}}, b: {public_endpoints: [{name: x, port: 80, scheme: http}], ${app()}}}`,
    /b\.public_endpoints\[0\]\.name: "x" — expected another than that of "a"/,
  ],
  [
    'the same TCP port twice',
    `{a: {public_endpoints: [{name: a, port: 99, scheme: tcp}], containers: [{name: c, image: c, port: 99}]}, b: {public_endpoints: [{name: b, port: 99, scheme: tcp}], containers: [{name: c, image: c, port: 99}]}}`,
    /b\.public_endpoints\[0\]\.port: 99 — expected another than that of "a"/,
  ],
  [
    "the router's own port",
    `web: {public_endpoints: [{name: web, port: 80, scheme: tcp}], ${app()}}`,
    /port: 80 — expected a port other than 80 and 443/,
  ],
  [
    'a volume claim template',
    `web: {volume_claim_templates: [], ${app()}}`,
    /volume_claim_templates: \[\] — expected nothing: instances of a service are replaced/,
  ],
  [
    'an autoscaler',
    `web: {autoscaler: {max: 9}, ${app()}}`,
    /autoscaler: .* — expected nothing: a roll counts on/,
  ],
  [
    'keys of the machine',
    `web: {${app(', volumes: {/etc/kubernetes: /k}')}}`,
    /volumes.*a path of the machine that holds neither its keys nor its state/,
  ],
  ['the whole machine', `web: {${app(', volumes: {/var: /k}')}}`, /volumes/],
  [
    'more to leave than there are',
    `web: {num_instances: 2, min_available: 3, ${app()}}`,
    /min_available: 3 — expected at most num_instances, 2/,
  ],
] as const) {
  test(`services.yml with ${name} is refused`, () => {
    assert.throws(
      () => read(yaml),
      (error) => error instanceof InvalidInput && (message.test(error.message) || assert.fail(error.message)),
    );
  });
}

test('the version changes with what instances are made of, and with nothing else', () => {
  const version = (yaml: string) => versionOf(shapeOf(read(yaml)['web']!));
  const first = version(`web: {${app()}}`);
  assert.match(first, /^[0-9a-f]{12}$/);
  assert.equal(version(`web: {num_instances: 7, drain_seconds: 1, ${app()}}`), first);
  for (const other of [
    `web: {${app(', args: [x]')}}`,
    `web: {scheduling_group: g, ${app()}}`,
    `web: {health: {path: /}, ${app()}}`,
  ])
    assert.notEqual(version(other), first, other);
});

test('words are parted as a shell parts them', () => {
  assert.deepEqual(words(`a  'b c' "d \\" e"f \\g ''`), ['a', 'b c', 'd " ef', 'g', '']);
});

test('the example is right, and the JSON Schema is current (else: node schema/generate.ts)', async () => {
  const text = await readFile(join(root, 'examples/services.yml'), 'utf8');
  assert.equal(read(text)['web']?.num_instances, 5);
  const kept = JSON.parse(await readFile(join(root, 'schema/services.schema.json'), 'utf8')) as unknown;
  assert.deepEqual(kept, JSON.parse(JSON.stringify(servicesJsonSchema())));
});
