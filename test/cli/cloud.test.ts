import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { CreateTagsCommand, DescribeImagesCommand, RegisterImageCommand } from '@aws-sdk/client-ec2';
import { parse as parseYaml, stringify } from 'yaml';
import { planOf } from '../../clients/zones/prepare.ts';
import { readZoneSpec } from '../../clients/zones/read-spec.ts';
import { followBakeLog } from '../../clients/images/bake-log.ts';
import { listRecords } from '../../clients/records.ts';
import { recipeKey } from '../../domain/archive.ts';
import { VERIFIED_TAG } from '../../domain/resources/image-verification.ts';
import { manifestKey, newManifest } from '../../domain/zone/manifest.ts';
import type { ZoneManifest } from '../../domain/zone/manifest.ts';
import { startCloud } from '../activities/emulator.ts';
import type { Cloud } from '../activities/emulator.ts';
import { ADMIN, REGION } from '../sandbox/aws-front.ts';
import { freshPerson, zonewright } from './cli.ts';
import type { CliResult } from './cli.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/zone.yaml');
const BUCKET = 'cli-zone-store';
const IMAGE = 'ami-0123456789abcdef0';

let cloud: Cloud;
before(async () => {
  cloud = await startCloud();
  await cloud.bucket(BUCKET);
});
after(() => cloud.stop());

interface Person {
  readonly folder: string;
  readonly run: (...args: string[]) => Promise<CliResult>;
}

/** A person whose context points to the emulated cloud, with these differences. */
function person(t: TestContext, endpoint = cloud.front.url, secretAccessKey = ADMIN.secretAccessKey): Person {
  const { folder, env } = freshPerson(t);
  const contexts = join(env['ZONEWRIGHT_HOME'] ?? '', 'contexts');
  mkdirSync(contexts, { recursive: true });
  const context = {
    temporal: { address: '127.0.0.1:1', namespace: 'dev' },
    aws: { region: REGION, endpoint },
    store: { bucket: BUCKET },
    environment: { name: 'dev', domain: 'dev.zonewright.test' },
  };
  writeFileSync(join(contexts, 'cloud.yaml'), stringify(context));
  const credentials = { AWS_ACCESS_KEY_ID: ADMIN.accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  return {
    folder,
    run: (...args) => zonewright(args, { env: { ...env, ...credentials, ZONEWRIGHT_CONTEXT: 'cloud' } }),
  };
}

async function put(key: string, content: unknown): Promise<void> {
  await cloud.clients.s3.send(
    new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: JSON.stringify(content) }),
  );
}

/** Writes the manifest of the example's zone, with a VPC made. */
async function writeManifest(
  zone: string,
  imageId: string,
  state: ZoneManifest['state'],
): Promise<ZoneManifest> {
  const { spec } = await readZoneSpec(EXAMPLE);
  const facts = {
    accountId: '123456789012',
    bucket: BUCKET,
    storePrefix: '',
    temporal: { address: 'temporal:7233', namespace: 'dev' },
  };
  const other = { ...spec, zone: Number(zone.slice(4)) };
  const plan = planOf({ spec: other, facts }, imageId);
  const step = plan.steps.find(({ kind }) => kind === 'vpc');
  assert.ok(step);
  const owner = {
    environment: plan.environment,
    operation: 'create-it.12345678',
    step: step.step,
    incarnation: 1,
    name: step.name,
  };
  const made = [{ step: step.step, kind: step.kind, owner, plan: step.plan, ref: { id: 'vpc-0a1b2c3d' } }];
  const manifest: ZoneManifest = { ...newManifest(plan, other, new Date().toISOString()), state, made };
  await put(manifestKey(zone), manifest);
  return manifest;
}

async function registerImage(name: string, tags: Readonly<Record<string, string>>): Promise<string> {
  const { ec2 } = cloud.clients;
  const source = new DescribeImagesCommand({ ImageIds: [cloud.front.sourceImageId] });
  const SnapshotId = (await ec2.send(source)).Images?.[0]?.BlockDeviceMappings?.[0]?.Ebs?.SnapshotId;
  const BlockDeviceMappings = [{ DeviceName: '/dev/xvda', Ebs: { SnapshotId } }];
  const answer = await ec2.send(
    new RegisterImageCommand({ Name: name, RootDeviceName: '/dev/xvda', BlockDeviceMappings }),
  );
  const id = answer.ImageId ?? '';
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  await ec2.send(new CreateTagsCommand({ Resources: [id], Tags }));
  return id;
}

test('zone list and show read the manifests; destroyed ones on demand', async (t) => {
  const { run } = person(t);
  await writeManifest('zone04', IMAGE, 'active');
  await writeManifest('zone05', IMAGE, 'destroyed');
  const listed = JSON.parse((await run('zone', 'list', '--json')).stdout) as {
    zones: { zone: string; state: string }[];
  };
  assert.deepEqual(
    listed.zones.map(({ zone, state }) => [zone, state]),
    [['zone04', 'active']],
  );
  assert.match((await run('zone', 'list', '--all')).stdout, /^zone05 .* destroyed /m);
  const shown = await run('zone', 'show', 'zone04');
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^zone04\.dev\.zonewright\.test: active/);
  assert.match(shown.stdout, /^network\/vpc +vpc +vpc-0a1b2c3d$/m);
});

test('an unknown zone is refused with those there are', async (t) => {
  const { run } = person(t);
  await writeManifest('zone04', IMAGE, 'active');
  const { code, stderr } = await run('zone', 'show', 'zone14');
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^error: Cannot find zone "zone14" in "dev\.zonewright\.test"\n {2}expected: one of .*zone04/,
  );
});

test('destroy shows its plan, needs --yes without a terminal, and refuses what is destroyed', async (t) => {
  const { run } = person(t);
  await writeManifest('zone04', IMAGE, 'active');
  await writeManifest('zone05', IMAGE, 'destroyed');
  const plan = await run('zone', 'destroy', 'zone04', '--plan', '--json');
  const { layers } = JSON.parse(plan.stdout) as { layers: { id: string }[][] };
  assert.deepEqual(
    layers.flat().map(({ id }) => id),
    ['vpc-0a1b2c3d'],
  );
  const unsure = await run('zone', 'destroy', 'zone04');
  assert.equal(unsure.code, 2);
  assert.match(unsure.stderr, /with its 1 parts\?" without a terminal\n {2}expected: --yes/);
  const gone = await run('zone', 'destroy', 'zone05', '--yes');
  assert.equal(gone.code, 3);
  assert.match(gone.stderr, /is destroyed already/);
});

function zoneFile(folder: string, change: (spec: Record<string, Record<string, unknown>>) => void): string {
  const spec = parseYaml(readFileSync(EXAMPLE, 'utf8')) as Record<string, Record<string, unknown>>;
  spec['image'] = { id: IMAGE };
  change(spec);
  const path = join(folder, 'zone.yaml');
  writeFileSync(path, stringify(spec));
  return path;
}

test('zone plan is printed and has the same hash every time', async (t) => {
  const { folder, run } = person(t);
  const file = zoneFile(folder, () => {});
  const text = await run('zone', 'plan', file);
  assert.equal(text.code, 0, text.stderr);
  assert.match(text.stdout, /^Zone zone03\.dev\.zonewright\.test in us-east-1, account 123456789012/);
  const hashes = await Promise.all(
    [1, 2].map(
      async () => (JSON.parse((await run('zone', 'plan', file, '--json')).stdout) as { hash: string }).hash,
    ),
  );
  assert.equal(hashes[0], hashes[1]);
  assert.match(text.stdout, new RegExp(`plan ${hashes[0]?.slice(0, 12)}`));
});

test('a zone of another environment or region than the context is refused', async (t) => {
  const { folder, run } = person(t);
  const file = zoneFile(folder, (spec) => {
    spec['environment'] = { ...spec['environment'], domain: 'prod.example.com' };
  });
  const { code, stderr } = await run('zone', 'plan', file);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /environment\.domain: "prod\.example\.com" — expected "dev\.zonewright\.test", the environment of context "cloud"/,
  );
});

test('a wrong zone file names path, value and expectation', async (t) => {
  const { folder, run } = person(t);
  const file = zoneFile(folder, (spec) => {
    spec['network'] = { ...spec['network'], ipv6: true };
    spec['kubernetes'] = { ...spec['kubernetes'], version: '1.2' };
  });
  const { code, stderr } = await run('zone', 'plan', file);
  assert.equal(code, 2);
  assert.match(stderr, /kubernetes\.version: "1\.2" — expected /);
  assert.match(stderr, /network\.ipv6: true — expected /);
  const missing = await run('zone', 'create', join(folder, 'none.yaml'), '--yes');
  assert.equal(missing.code, 2);
});

test('image list, show, gc and rm: what is used stays', async (t) => {
  const { run } = person(t);
  const tags = (bake: string) => ({
    'zonewright:bake': bake,
    'zonewright:recipe': 'zone',
    'zonewright:recipe-digest': 'd'.repeat(64),
    'zonewright:source-image': 'ami-source',
    'zonewright:architecture': 'x86_64',
  });
  const used = await registerImage('used', { ...tags('b1'), [VERIFIED_TAG]: 'b1' });
  const broken = await registerImage('broken', tags('b2'));
  await registerImage('foreign', { team: 'others' });
  await writeManifest('zone06', used, 'active');
  const { images } = JSON.parse((await run('image', 'list', '--json')).stdout) as {
    images: { id: string; verified: boolean }[];
  };
  assert.deepEqual(
    new Map(images.map(({ id, verified }) => [id, verified])),
    new Map([
      [used, true],
      [broken, false],
    ]),
  );
  const shown = await run('image', 'show', used);
  assert.match(shown.stdout, /^used by +zone zone06\.dev\.zonewright\.test$/m);
  const refused = await run('image', 'rm', used, '--yes');
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /is used by zone zone06/);
  const plan = await run('image', 'gc', '--keep', '0', '--plan', '--json');
  assert.deepEqual(JSON.parse(plan.stdout), { remove: [broken], removed: [] });
  const collected = await run('image', 'gc', '--keep', '0', '--yes', '--json');
  assert.deepEqual(JSON.parse(collected.stdout), { remove: [broken], removed: [broken] });
  assert.equal((await run('image', 'show', broken)).code, 2);
  assert.equal((await run('image', 'show', used)).code, 0);
});

test('image bake --plan says what would be baked and puts nothing into the zone store', async (t) => {
  const { folder, run } = person(t);
  const source = await registerImage('a-source', {});
  const recipe = { name: 'tiny', architecture: 'x86_64', instanceType: 't3.small' };
  writeFileSync(join(folder, 'recipe.yaml'), stringify(recipe));
  const { code, stdout, stderr } = await run('image', 'bake', folder, '--source', source, '--plan', '--json');
  assert.equal(code, 0, stderr);
  const { content, image } = JSON.parse(stdout) as {
    content: { recipe: { digest: string }; sourceImageId: string };
    image: string | null;
  };
  assert.equal(content.sourceImageId, source);
  assert.equal(image, null);
  const recipes = { Bucket: BUCKET, Prefix: recipeKey(content.recipe.digest) };
  const { Contents = [] } = await cloud.clients.s3.send(new ListObjectsV2Command(recipes));
  assert.deepEqual(Contents, []);
});

test('wrong credentials and an unreachable cloud are named', async (t) => {
  const wrong = await person(t, cloud.front.url, 'not-the-secret').run('image', 'list');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /^error: Cannot use the AWS credentials of context "cloud"/);
  const away = await person(t, 'http://127.0.0.1:1').run('zone', 'list');
  assert.equal(away.code, 2);
  assert.match(away.stderr, /^error: Cannot reach "http:\/\/127\.0\.0\.1:1" \(context "cloud"\)/);
});

test('the latest record of each operation is found, by workflow id too', async () => {
  const record = (operation: string, outcome: string) => ({
    operation,
    workflowId: operation.slice(0, -9),
    type: 'CreateZone',
    input: { actor: 'alice', zone: 'zone03' },
    startedAt: '2030-01-01T00:00:00.000Z',
    endedAt: '2030-01-01T00:01:00.000Z',
    outcome,
    steps: [],
  });
  await put('operations/create-zone03.aaaaaaaa/1.json', record('create-zone03.aaaaaaaa', 'kept'));
  await new Promise((resolve) => setTimeout(resolve, 1_100)); // S3 tells times in whole seconds
  await put('operations/create-zone03.aaaaaaaa/2.json', record('create-zone03.aaaaaaaa', 'done'));
  await put('operations/create-zone03-b.bbbbbbbb/1.json', record('create-zone03-b.bbbbbbbb', 'aborted'));
  const all = await listRecords(cloud.clients, BUCKET, { limit: 10 });
  assert.deepEqual(
    new Map(all.map(({ workflowId, outcome }) => [workflowId, outcome])),
    new Map([
      ['create-zone03', 'done'],
      ['create-zone03-b', 'aborted'],
    ]),
  );
  const [one, ...more] = await listRecords(cloud.clients, BUCKET, { workflowId: 'create-zone03', limit: 10 });
  assert.equal(one?.outcome, 'done');
  assert.deepEqual(more, []);
});

test('the log of a bake is followed: each line once, the last one too', async () => {
  const key = 'bakes/b9/i-0abc/log';
  const write = (text: string) =>
    cloud.clients.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: text }));
  await write('one\ntw');
  const ended = new AbortController();
  const lines: string[] = [];
  for await (const part of followBakeLog(cloud.clients, BUCKET, 'b9', ended.signal)) {
    lines.push(...part.lines.map((line) => `${part.source}: ${line}`));
    if (lines.length === 1) await write('one\ntwo\nthree');
    if (lines.length === 2) ended.abort();
  }
  assert.deepEqual(lines, ['i-0abc: one', 'i-0abc: two', 'i-0abc: three']);
});
