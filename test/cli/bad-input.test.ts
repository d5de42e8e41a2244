/** What is wrong in a person's files is said with its path, its value and what is expected, before anything starts. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { parse as parseYaml, stringify } from 'yaml';
import { freshPerson, zonewright, type CliResult } from './cli.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/zone.yaml');

/** A person whose context leads nowhere: whatever is asked of Temporal or AWS would fail, and in other words. */
function person(t: TestContext): { folder: string; run: (...args: string[]) => Promise<CliResult> } {
  const { folder, env } = freshPerson(t);
  const contexts = join(env['ZONEWRIGHT_HOME'] ?? '', 'contexts');
  mkdirSync(contexts, { recursive: true });
  const nowhere = {
    temporal: { address: '127.0.0.1:1', namespace: 'dev' },
    aws: { region: 'us-east-1', endpoint: 'http://127.0.0.1:1' },
    store: { bucket: 'nowhere' },
    environment: { name: 'dev', domain: 'dev.zonewright.test' },
  };
  writeFileSync(join(contexts, 'nowhere.yaml'), stringify(nowhere));
  const credentials = { AWS_ACCESS_KEY_ID: 'AKIANOBODY', AWS_SECRET_ACCESS_KEY: 'of-nobody' };
  const whole = { ...env, ...credentials, ZONEWRIGHT_CONTEXT: 'nowhere' };
  return { folder, run: (...args) => zonewright(args, { env: whole }) };
}

/** Exit code 2, an error that says all of this, no result, no stack. */
function assertRefused({ code, stdout, stderr }: CliResult, ...said: readonly (string | RegExp)[]): void {
  assert.equal(code, 2, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^error: /m);
  for (const words of said) {
    if (typeof words === 'string') assert.ok(stderr.includes(words), `"${words}" in:\n${stderr}`);
    else assert.match(stderr, words);
  }
  assert.doesNotMatch(stderr, /^\s+at /m, 'a stack');
}

/** Changes a copy of a document at a dotted path. */
function changed(document: unknown, path: string, value: unknown): unknown {
  const copy = structuredClone(document) as Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let at: Record<string, unknown> = copy;
  for (const key of keys) at = at[key] as Record<string, unknown>;
  at[last] = value;
  return copy;
}

const AVAILABILITY_ZONES = ['us-east-1a', 'us-east-1b', 'eu-west-1c'];

/** Path in the example, the wrong value, the line that names them with what is expected. */
const ZONES: readonly (readonly [path: string, value: unknown, line: string | RegExp])[] = [
  ['networks', {}, 'networks: {} — expected no such key; did you mean "network"?'],
  [
    'kubernetes.podCIDR',
    '10.0.0.0/8',
    /kubernetes\.podCIDR: .* — expected no such key; did you mean "podCidr"\?/,
  ],
  [
    'kubernetes.podCidr',
    '8.8.0.0/16',
    /kubernetes\.podCidr: "8\.8\.0\.0\/16" — expected a range of private addr/,
  ],
  [
    'kubernetes.podCidr',
    '10.64.0.7/16',
    /podCidr: "10\.64\.0\.7\/16" — expected "10\.64\.0\.0\/16", where a range/,
  ],
  [
    'kubernetes.podCidr',
    '10.64.0.0/30',
    /podCidr: "10\.64\.0\.0\/30" — expected an IPv4 range from \/8 to \/24/,
  ],
  ['kubernetes.serviceCidr', '10.64.0.0/16', /serviceCidr: "10\.64\.0\.0\/16" — expected .*podCidr/],
  ['kubernetes.podCidr', 'fd00::/64', /podCidr: "fd00::\/64" — expected an IPv4 range/],
  ['kubernetes.version', '1.36', /kubernetes\.version: "1\.36" — expected a version in three parts/],
  ['kubernetes.version', '1.99.0', /kubernetes\.version: "1\.99\.0" — expected a version that was tried/],
  ['availabilityZones', AVAILABILITY_ZONES, /availabilityZones\[2\]: "eu-west-1c" — expected .*us-east-1/],
  ['availabilityZones', ['us-east-1a'], /availabilityZones: .* — expected 3 availability zones/],
  ['zone', 16, 'zone: 16 — expected a whole number from 0 to 15'],
  ['zone', '3', 'zone: "3" — expected a whole number from 0 to 15'],
  ['image.recipe', 'images/none', /image\.recipe: "images\/none" — expected a folder with a recipe\.yaml/],
  ['network.ipv6', true, 'network.ipv6: true — expected nothing or false: IPv6 is not supported yet'],
  [
    'border.spot',
    true,
    'border.spot: true — expected nothing or false: spot instances are not supported yet',
  ],
  [
    'workers.0.spot',
    { maxPrice: '0.1' },
    /workers\[0\]\.spot: .* — expected nothing or false: spot instances/,
  ],
  ['network.nat', 'none', /network\.nat: "none" — expected .*not supported yet/],
  ['director.count', 3, /director\.count: 3 — expected 1 .*not supported yet/],
  [
    'environment.domain',
    'Prod.example.com',
    /environment\.domain: "Prod\.example\.com" — expected a domain in lower/,
  ],
];

describe('a wrong zone file', () => {
  const example = parseYaml(readFileSync(EXAMPLE, 'utf8')) as unknown;
  for (const [path, value, line] of ZONES) {
    test(`${path} ${JSON.stringify(value)}`, async (t) => {
      const { folder, run } = person(t);
      const file = join(folder, 'zone.yaml');
      const local = changed(example, 'image.recipe', join(EXAMPLE, '../images/zone'));
      writeFileSync(file, stringify(changed(local, path, value)));
      assertRefused(await run('zone', 'plan', file), file, line);
    });
  }

  test('every mistake is named at once, for create as for plan', async (t) => {
    const { folder, run } = person(t);
    const file = join(folder, 'zone.yaml');
    writeFileSync(file, stringify(changed(changed(example, 'zone', 99), 'region', 'mars')));
    assertRefused(
      await run('zone', 'create', file, '--yes'),
      'zone: 99',
      'region: "mars" — expected an AWS region',
    );
  });

  test('what is no file, or no YAML', async (t) => {
    const { folder, run } = person(t);
    assertRefused(
      await run('zone', 'plan', join(folder, 'none.yaml')),
      'none.yaml',
      'expected a file that exists',
    );
    assertRefused(await run('zone', 'plan', folder), 'expected a file, not a folder');
    const file = join(folder, 'zone.yaml');
    writeFileSync(file, 'zone: 3\nregion: [us-east-1\n');
    assertRefused(await run('zone', 'plan', file), /line \d+: .* — expected YAML/);
    writeFileSync(file, 'zone: 3\nzone: 4\n');
    assertRefused(await run('zone', 'plan', file), /line 2: "zone: 4" — expected each key once/);
  });
});

const RECIPE = {
  name: 'small',
  instanceType: 't3.small',
  files: [{ to: '/etc/text', path: 'text' }],
  test: { commands: [{ run: 'true' }] },
};

/** The same for a recipe. */
const RECIPES: readonly (readonly [path: string, value: unknown, line: string | RegExp])[] = [
  ['package', ['curl'], /package: .* — expected no such key; did you mean "packages"\?/],
  ['files.0.path', 'txt', /files\[0\]\.path: "txt" — expected /],
  ['files.0.path', '../text', /files\[0\]\.path: "\.\.\/text" — expected a path inside the recipe folder/],
  ['files.0.to', 'etc/text', /files\[0\]\.to: "etc\/text" — expected an absolute path/],
  ['files.0.mode', '644', /files\[0\]\.mode: "644" — expected an octal mode in quotes/],
  ['files.0', { to: '/bin/x', tool: 'kubelt' }, /files\[0?\]\.tool: "kubelt" — expected one of .*kubelet/],
  ['files.0', { to: '/bin/x', url: 'https://example.com/x' }, /files\[0\]\.sha256: .* — expected /],
  ['install', 'setup.sh', /install: "setup\.sh" — expected /],
  ['units', [{ path: 'units/none.service' }], /units\[0\]\.path: "units\/none\.service" — expected /],
  ['architecture', 'mips', /architecture: "mips" — expected /],
  ['name', 'Small One', /name: "Small One" — expected /],
];

describe('a wrong recipe', () => {
  const write = (folder: string, recipe: unknown): void => {
    writeFileSync(join(folder, 'text'), 'hello\n');
    writeFileSync(join(folder, 'recipe.yaml'), stringify(recipe));
  };
  for (const [path, value, line] of RECIPES) {
    test(`${path} ${JSON.stringify(value)}`, async (t) => {
      const { folder, run } = person(t);
      write(folder, changed(RECIPE, path, value));
      assertRefused(await run('image', 'bake', folder), 'recipe', line);
    });
  }

  test('a folder without a recipe', async (t) => {
    const { folder, run } = person(t);
    assertRefused(await run('image', 'bake', folder), 'recipe.yaml');
    assertRefused(await run('image', 'bake', join(folder, 'none')), join(folder, 'none'));
  });

  test('a download with another checksum, and one that is not there', async (t) => {
    const { folder, run } = person(t);
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/there' ? 200 : 404;
      response.end('something else');
    }).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const sha256 = createHash('sha256').update('what was meant').digest('hex');
    const actual = createHash('sha256').update('something else').digest('hex');
    const file = (name: string) => ({ to: '/etc/x', url: `http://127.0.0.1:${port}/${name}`, sha256 });
    write(folder, { ...RECIPE, files: [file('there')] });
    assertRefused(await run('image', 'bake', folder), `http://127.0.0.1:${port}/there`, sha256, actual);
    write(folder, { ...RECIPE, files: [file('gone')] });
    assertRefused(await run('image', 'bake', folder), `http://127.0.0.1:${port}/gone`, '404');
  });
});

describe('what is asked of nobody', () => {
  const nowhere: readonly (readonly [name: string, args: readonly string[], says: RegExp])[] = [
    ['Temporal', ['op', 'list'], /Cannot reach Temporal at "127\.0\.0\.1:1" \(context "nowhere"\)/],
    ['Temporal, to decide', ['op', 'approve', 'create-zone03'], /Cannot reach Temporal at "127\.0\.0\.1:1"/],
    ['AWS, for images', ['image', 'list'], /Cannot reach "http:\/\/127\.0\.0\.1:1"/],
    ['AWS, for zones', ['zone', 'list'], /Cannot reach "http:\/\/127\.0\.0\.1:1"/],
    ['AWS, for a plan', ['zone', 'plan', EXAMPLE], /Cannot reach "http:\/\/127\.0\.0\.1:1"/],
    ['either, to create', ['zone', 'create', EXAMPLE, '--yes'], /Cannot reach /],
    ['either, to destroy', ['zone', 'destroy', 'zone03', '--yes'], /Cannot reach /],
  ];
  for (const [name, args, says] of nowhere) {
    test(`${name} is named with its address`, async (t) => assertRefused(await person(t).run(...args), says));
  }
});
