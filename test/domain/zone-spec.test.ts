import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse as parseYaml, stringify } from 'yaml';
import { zoneJsonSchema } from '../../clients/zones/json-schema.ts';
import { readZoneSpec } from '../../clients/zones/read-spec.ts';
import { InvalidInput, type InputIssue } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { zoneDomain, zoneName, zoneSpecSchema } from '../../domain/zone/spec.ts';

const root = join(import.meta.dirname, '../..');
const example = parseYaml(await readFile(join(root, 'examples/zone.yaml'), 'utf8')) as Record<string, never>;

/** The example with some of its values changed: `'kubernetes.podCidr'`, `'workers.0.count'`; undefined removes. */
function changed(changes: Readonly<Record<string, unknown>>): unknown {
  const spec = structuredClone(example) as Record<string, unknown>;
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split('.');
    const last = keys.pop()!;
    const at = keys.reduce((inner, key) => (inner[key] ??= {}) as Record<string, unknown>, spec);
    if (value === undefined) delete at[last];
    else at[last] = value;
  }
  return spec;
}

function issuesOf(value: unknown): readonly InputIssue[] {
  try {
    parse(zoneSpecSchema, value, 'zone.yaml');
  } catch (error) {
    assert.ok(error instanceof InvalidInput, String(error));
    return error.issues;
  }
  assert.fail('nothing was refused');
}

test('the example is a valid specification, and parsing it twice changes nothing', () => {
  const once = parse(zoneSpecSchema, example, 'examples/zone.yaml');
  assert.deepEqual(parse(zoneSpecSchema, once, 'parsed'), once);
  assert.equal(zoneDomain(once), 'zone03.dev.zonewright.test');
  assert.equal(zoneName(0), 'zone00');
});

const refused: readonly [name: string, changes: Record<string, unknown>, path: string, expected: RegExp][] = [
  [
    'an unknown key',
    { 'kubernetes.podCIDR': '10.0.0.0/16' },
    'kubernetes.podCIDR',
    /no such key; did you mean "podCidr"\?/,
  ],
  [
    'a misspelt key in a pool',
    { 'workers.0.instanceTyp': 'x' },
    'workers[0].instanceTyp',
    /did you mean "instanceType"\?/,
  ],
  [
    'a key that nobody knows',
    { color: 'blue' },
    'color',
    /no such key \(is it misspelt\?\); known: environment/,
  ],
  ['no domain', { 'environment.domain': undefined }, 'environment.domain', /a domain, e\.g\./],
  [
    'a domain in capitals',
    { 'environment.domain': 'Prod.Example.com' },
    'environment.domain',
    /in lower case/,
  ],
  [
    'a domain too long for names of roles',
    { 'environment.domain': `${'a'.repeat(45)}.com` },
    'environment.domain',
    /at most 48/,
  ],
  [
    'an environment index out of range',
    { 'environment.index': 128 },
    'environment.index',
    /^a whole number from 0 to 127$/,
  ],
  ['a negative zone', { zone: -1 }, 'zone', /^a whole number from 0 to 15$/],
  ['a zone out of range', { zone: 16 }, 'zone', /^a whole number from 0 to 15$/],
  ['a zone by name', { zone: 'zone03' }, 'zone', /^a whole number from 0 to 15$/],
  ['half a zone', { zone: 1.5 }, 'zone', /^a whole number from 0 to 15$/],
  ['no region', { region: 'Frankfurt' }, 'region', /an AWS region/],
  [
    'two availability zones',
    { availabilityZones: ['us-east-1a', 'us-east-1b'] },
    'availabilityZones',
    /^3 availability zones$/,
  ],
  [
    'an availability zone of another region',
    { 'availabilityZones.1': 'eu-west-1b' },
    'availabilityZones[1]',
    /of us-east-1: us-east-1a/,
  ],
  ['a local zone', { 'availabilityZones.1': 'us-east-1-bos-1a' }, 'availabilityZones[1]', /of us-east-1/],
  [
    'an availability zone twice',
    { 'availabilityZones.2': 'us-east-1a' },
    'availabilityZones[2]',
    /three different ones/,
  ],
  ['no image', { image: {} }, 'image', /exactly one of id, recipe, digest/],
  ['two images', { 'image.id': 'ami-0123456789abcdef0' }, 'image', /exactly one of id, recipe, digest/],
  ['a bad image id', { image: { id: 'debian' } }, 'image.id', /the id of an AMI/],
  ['a short digest', { image: { digest: 'abc' } }, 'image.digest', /64 lower-case hexadecimal digits/],
  [
    'an unknown version',
    { 'kubernetes.version': '1.12.0' },
    'kubernetes.version',
    /tried with its etcd and containerd: 1\.36\.3/,
  ],
  [
    'a version with a v',
    { 'kubernetes.version': 'v1.36.3' },
    'kubernetes.version',
    /in three parts without "v"/,
  ],
  [
    'a version that is a number',
    { 'kubernetes.version': 1.36 },
    'kubernetes.version',
    /a version, e\.g\. "1\.36\.3"/,
  ],
  ['no range', { 'kubernetes.podCidr': '10.64.0.0' }, 'kubernetes.podCidr', /an IPv4 range from \/8 to \/24/],
  [
    'an octet out of range',
    { 'kubernetes.podCidr': '10.300.0.0/16' },
    'kubernetes.podCidr',
    /an IPv4 range from/,
  ],
  ['a range too small', { 'kubernetes.podCidr': '10.64.0.0/25' }, 'kubernetes.podCidr', /from \/8 to \/24/],
  [
    'a range too large',
    { 'kubernetes.serviceCidr': '10.0.0.0/8' },
    'kubernetes.serviceCidr',
    /from \/12 to \/24/,
  ],
  [
    'a range that begins elsewhere',
    { 'kubernetes.podCidr': '10.64.1.0/16' },
    'kubernetes.podCidr',
    /"10\.64\.0\.0\/16", where a range of that size begins/,
  ],
  [
    'public addresses',
    { 'kubernetes.podCidr': '8.8.0.0/16' },
    'kubernetes.podCidr',
    /a range of private addresses: within 10\.0\.0\.0\/8/,
  ],
  ['an IPv6 range', { 'kubernetes.podCidr': 'fd00::/48' }, 'kubernetes.podCidr', /an IPv4 range/],
  [
    'pods in the VPC',
    { 'kubernetes.podCidr': '172.16.0.0/16' },
    'kubernetes.podCidr',
    /does not overlap the zone's own 172\.16\.6\.0\/23/,
  ],
  [
    'services in the VPC',
    { 'kubernetes.serviceCidr': '172.16.6.0/24' },
    'kubernetes.serviceCidr',
    /does not overlap the zone's own/,
  ],
  [
    'services among pods',
    { 'kubernetes.serviceCidr': '10.64.128.0/20' },
    'kubernetes.serviceCidr',
    /does not overlap podCidr 10\.64\.0\.0\/16/,
  ],
  [
    'no way out',
    { 'network.nat': 'none' },
    'network.nat',
    /"single" or "per-availability-zone": a zone without NAT gateways is not supported yet/,
  ],
  ['an unknown way out', { 'network.nat': 'double' }, 'network.nat', /^"single" or "per-availability-zone"$/],
  ['IPv6', { 'network.ipv6': true }, 'network.ipv6', /IPv6 is not supported yet/],
  ['spot workers', { 'workers.0.spot': true }, 'workers[0].spot', /spot instances are not supported yet/],
  [
    'a spot director',
    { 'director.spot': { maxPrice: 1 } },
    'director.spot',
    /spot instances are not supported yet/,
  ],
  [
    'three directors',
    { 'director.count': 3 },
    'director.count',
    /^1 \(supported: 1; more directors are not supported yet\)$/,
  ],
  ['two borders', { 'border.count': 2 }, 'border.count', /supported: 1/],
  ['no border', { border: undefined }, 'border', /keys and values/],
  ['no workers', { workers: [] }, 'workers', /at least one pool/],
  ['an empty pool', { 'workers.0.count': 0 }, 'workers[0].count', /from 1 to 129/],
  [
    'more workers than addresses',
    { workers: [65, 65].map((count) => ({ instanceType: 'm6i.large', count })) },
    'workers',
    /at most 129 workers in all, not 130/,
  ],
  [
    'more workers than pod ranges',
    { 'kubernetes.podCidr': '10.64.0.0/24', 'workers.0.count': 2 },
    'kubernetes.podCidr',
    /room for a \/24 of each of 2 workers; this has 1/,
  ],
  [
    'an odd instance type',
    { 'workers.0.instanceType': 'large' },
    'workers[0].instanceType',
    /an instance type/,
  ],
  ['a port out of range', { 'border.publicPorts': [80, 70_000] }, 'border.publicPorts[1]', /from 1 to 65535/],
  [
    'an ssh source that is one address',
    { 'border.sshFrom': ['192.0.2.1'] },
    'border.sshFrom[0]',
    /an IPv4 range/,
  ],
  [
    'an ssh source that begins elsewhere',
    { 'border.sshFrom': ['192.0.2.1/24'] },
    'border.sshFrom[0]',
    /"192\.0\.2\.0\/24"/,
  ],
  [
    'a reserved label',
    { labels: { 'node-role.kubernetes.io/control-plane': '' } },
    'labels.node-role.kubernetes.io/control-plane',
    /outside kubernetes\.io/,
  ],
  [
    'a label value with spaces',
    { 'workers.0.labels': { team: 'a b' } },
    'workers[0].labels.team',
    /the value of a Kubernetes label/,
  ],
  ['a TTL of nothing', { 'dns.ttlSeconds': 0 }, 'dns.ttlSeconds', /from 1 to 86400/],
  ['an unknown delegation', { 'dns.delegation': 'auto' }, 'dns.delegation', /"automatic" or "manual"/],
];

for (const [name, changes, path, expected] of refused) {
  test(`a specification with ${name} is refused at ${path}`, () => {
    const issues = issuesOf(changed(changes));
    const issue = issues.find((each) => each.path === path);
    assert.ok(issue, `no issue at ${path}: ${JSON.stringify(issues)}`);
    assert.match(issue.expected, expected);
  });
}

for (const changes of [
  { 'network.ipv6': false, 'workers.0.spot': false },
  { network: undefined, dns: undefined, labels: undefined },
  { image: { digest: 'a'.repeat(64) } },
  { 'border.sshFrom': ['0.0.0.0/0', '192.0.2.7/32'] },
  { 'kubernetes.podCidr': '100.64.0.0/10', 'kubernetes.serviceCidr': '172.17.0.0/16' },
  { labels: { 'example.com/team': 'a', plain: '' } },
]) {
  test(`a specification with ${JSON.stringify(changes)} is taken`, () => {
    assert.ok(parse(zoneSpecSchema, changed(changes), 'zone.yaml'));
  });
}

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zone-spec-'));
  await mkdir(join(folder, 'images/zone'), { recursive: true });
});
after(() => rm(folder, { recursive: true, force: true }));

const written = async (text: string): Promise<string> => {
  const path = join(folder, 'zone.yaml');
  await writeFile(path, text);
  return path;
};

test('readZoneSpec() finds the recipe beside the file', async () => {
  await writeFile(join(folder, 'images/zone/recipe.yaml'), 'name: zone\n');
  const { spec, recipeFolder } = await readZoneSpec(await written(stringify(example)));
  assert.equal(spec.zone, 3);
  assert.equal(recipeFolder, join(folder, 'images/zone'));
});

test('readZoneSpec() reads JSON, and needs no recipe where the image has an id', async () => {
  const path = await written(JSON.stringify(changed({ image: { id: 'ami-0123456789abcdef0' } })));
  assert.equal((await readZoneSpec(path)).recipeFolder, undefined);
});

for (const [name, text, message] of [
  ['bad YAML', 'zone: [1', /zone\.yaml\n {2}line 1: "zone: \[1" — expected YAML/],
  ['a key twice', 'zone: 1\nzone: 2\n', /line 2: "zone: 2" — expected each key once/],
  ['an empty file', '', /\(whole\): null — expected keys and values/],
  [
    'a missing recipe',
    stringify(changed({ 'image.recipe': 'nowhere' })),
    /image\.recipe: "nowhere" — expected a folder with a recipe\.yaml/,
  ],
] as const) {
  test(`readZoneSpec() refuses ${name}`, async () => {
    const path = await written(text);
    await assert.rejects(
      readZoneSpec(path),
      (error) => error instanceof InvalidInput && message.test(error.message),
    );
  });
}

test('readZoneSpec() refuses a file that is not there, and a folder', async () => {
  await assert.rejects(readZoneSpec(join(folder, 'none.yaml')), /none\.yaml" — expected a file that exists/);
  await assert.rejects(readZoneSpec(folder), /a file, not a folder/);
});

test('the JSON Schema for editors is current (else: node schema/generate.ts)', async () => {
  const kept = JSON.parse(await readFile(join(root, 'schema/zone.schema.json'), 'utf8')) as unknown;
  assert.deepEqual(kept, zoneJsonSchema());
});
