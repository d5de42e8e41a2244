/** The programs of bake and boot test, run by the computer's own python3 on a folder in place of a machine's root. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { packRecipe, type PackedRecipe } from '../../clients/recipes/pack.ts';
import { uploadRecipe } from '../../clients/recipes/upload.ts';
import { bakeLogKey, bakeResultKey, bootTestResultKey } from '../../domain/archive.ts';
import { bakeResultSchema, bootTestResultSchema } from '../../domain/bake-result.ts';
import { bakeUserData } from '../../machine/bake-user-data.ts';
import { bootTestUserData } from '../../machine/boot-test-user-data.ts';
import { BUCKET, openMetadata, openTestStore, REGION, type StandIn, type TestStore } from './stand-ins.ts';

const INSTANCE = 'i-0123456789abcdef0';
const BUILDER_MACHINE_ID = '0123456789abcdef0123456789abcdef';
const home = mkdtempSync(join(tmpdir(), 'zonewright-bake-'));
let store: TestStore;
let metadata: StandIn;

/** Commands that would change the computer: they say what they were asked. */
const FAKES: Readonly<Record<string, string>> = {
  systemctl: 'echo "$0 $*" >> "$CALLS"; [ "$1" != is-active ] || [ "$2" != broken.service ]',
  'apt-get': 'echo "$0 $*" >> "$CALLS"',
  'cloud-init': 'rm -rf "$ZONEWRIGHT_BAKE_ROOT"/var/lib/cloud/instance*; echo "$0 $*" >> "$CALLS"',
  'dpkg-query': 'for name; do :; done; [ "$name" = curl ] && printf "install ok installed"',
};

before(async () => {
  store = await openTestStore();
  metadata = await openMetadata();
  mkdirSync(join(home, 'bin'));
  for (const [name, text] of Object.entries(FAKES)) {
    writeFileSync(join(home, 'bin', name), `#!/bin/sh\n${text.replace('$0', name)}\n`, { mode: 0o755 });
  }
});
after(async () => {
  await store?.[Symbol.asyncDispose]();
  await metadata?.[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

let count = 0;

/** A machine's root as the builder finds it: things that must not be in an image. */
function makeRoot(): string {
  const root = join(home, `root${(count += 1)}`);
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  put('etc/machine-id', `${BUILDER_MACHINE_ID}\n`);
  put('etc/ssh/ssh_host_rsa_key', 'secret');
  put('etc/ssh/sshd_config', 'kept');
  put('root/.bash_history', 'history');
  put(`var/lib/cloud/instances/${INSTANCE}/user-data.txt`, 'user data');
  put('var/lib/apt/lists/deb_main_Packages', 'list');
  put('var/log/journal/x/system.journal', 'log');
  for (const folder of ['var/tmp', 'etc/systemd/system']) mkdirSync(join(root, folder), { recursive: true });
  return root;
}

async function pack(install: string, more = ''): Promise<PackedRecipe> {
  const folder = join(home, `recipe${(count += 1)}`);
  mkdirSync(join(folder, 'units'), { recursive: true });
  const recipe = `name: web\ninstanceType: t3.small\npackages: [curl, jq]\nfiles: [{to: /opt/web/run, path: run, mode: "0755"}]\n`;
  writeFileSync(
    join(folder, 'recipe.yaml'),
    `${recipe}units: [{path: units/web.service, enable: true}]\ninstall: install.sh\n${more}`,
  );
  writeFileSync(join(folder, 'run'), '#!/bin/sh\necho web 1.0\n');
  writeFileSync(join(folder, 'units/web.service'), '[Service]\nExecStart=/opt/web/run\n');
  writeFileSync(join(folder, 'install.sh'), `#!/bin/sh\nset -e\n${install}\n`);
  const packed = await packRecipe(folder, { cache: join(home, 'cache'), resolveTool: async () => '' });
  await uploadRecipe(store.client, BUCKET, packed);
  return packed;
}

/** Runs the program that a user data carries, as the unit in it would. */
async function runUserData(userData: string, root: string): Promise<readonly string[]> {
  const { write_files: files } = parse(userData) as { write_files: { path: string; content: string }[] };
  const [program = '', parameters = ''] = ['.py', '.json'].map((ending) => {
    const path = join(root, `program${ending}`);
    writeFileSync(path, files.find((file) => file.path.endsWith(ending))?.content ?? '');
    return path;
  });
  const calls = join(root, 'calls');
  const child = spawn('python3', [program, parameters], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: `${join(home, 'bin')}:${process.env['PATH']}`,
      CALLS: calls,
      ZONEWRIGHT_BAKE_ROOT: root,
      ZONEWRIGHT_POWER_OFF: 'systemctl poweroff',
      AWS_ENDPOINT_URL: store.endpoint,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url,
    },
  });
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  return readFileSync(calls, 'utf8').trim().split('\n');
}

const bake = (bakeId: string, { digest, archiveSha256 }: PackedRecipe): string =>
  bakeUserData({ bakeId, region: REGION, bucket: BUCKET, digest, archiveSha256 });
const bakeResult = async (id: string) =>
  bakeResultSchema.parse(JSON.parse(await store.get(bakeResultKey(id, INSTANCE))));

test('a bake installs what the recipe says, cleans the machine and powers it off', async () => {
  const root = makeRoot();
  const packed = await pack('echo installed > "$ZONEWRIGHT_BAKE_ROOT/opt/web/installed"; echo working');
  const calls = await runUserData(bake('bake-1', packed), root);

  assert.deepEqual(await bakeResult('bake-1'), { ok: true, seconds: (await bakeResult('bake-1')).seconds });
  assert.match(
    await store.get(bakeLogKey('bake-1', INSTANCE)),
    /fetching recipe[\s\S]*\nworking\n[\s\S]*result: /,
  );
  assert.equal(readFileSync(join(root, 'opt/web/installed'), 'utf8'), 'installed\n');
  assert.equal(statSync(join(root, 'opt/web/run')).mode & 0o777, 0o755);
  assert.ok(existsSync(join(root, 'etc/systemd/system/web.service')));
  assert.ok(calls.includes('apt-get install -y -q --no-install-recommends jq'));
  assert.ok(calls.includes('systemctl enable web.service'));
  assert.equal(calls.at(-1), 'systemctl poweroff');

  assert.equal(readFileSync(join(root, 'etc/machine-id'), 'utf8'), '');
  assert.deepEqual(readdirSync(join(root, 'etc/ssh')), ['sshd_config']);
  for (const gone of [
    'root/.bash_history',
    'var/lib/cloud/instances',
    'var/lib/apt/lists/deb_main_Packages',
    'var/log/journal/x',
  ]) {
    assert.ok(!existsSync(join(root, gone)), gone);
  }
  const manifest = JSON.parse(readFileSync(join(root, 'etc/zonewright/image.json'), 'utf8'));
  assert.equal(manifest.digest, packed.digest);
  assert.deepEqual(Object.keys(manifest.files), ['/opt/web/run']);
  assert.ok(!JSON.stringify(manifest).includes(BUILDER_MACHINE_ID));
  assert.deepEqual(metadata.withoutToken, []);
});

test('a bake that fails says why, leaves its log and powers off', async () => {
  const root = makeRoot();
  const calls = await runUserData(bake('bake-2', await pack('echo about to fail; exit 7')), root);
  const { ok, error, lastLines } = await bakeResult('bake-2');
  assert.equal(ok, false);
  assert.match(error ?? '', /install\.sh" ended with 7: about to fail/);
  assert.ok(lastLines?.some((line) => line.includes('about to fail')));
  assert.equal(calls.at(-1), 'systemctl poweroff');
});

const TESTS = `test:\n  units: [web.service]\n  commands: [{run: "sh $ZONEWRIGHT_BAKE_ROOT/opt/web/run", expect: web 1.0}]\n`;

/** What booting makes of an image: a fresh machine-id, and cloud-init's state of this instance. */
function bootFrom(root: string): void {
  writeFileSync(join(root, 'etc/machine-id'), `${'f'.repeat(32)}\n`);
  mkdirSync(join(root, 'var/lib/cloud/instances', INSTANCE), { recursive: true });
}

async function bootTest(id: string, packed: PackedRecipe, root: string, recipeTest = packed.recipe.test) {
  const userData = bootTestUserData({
    bakeId: id,
    region: REGION,
    bucket: BUCKET,
    digest: packed.digest,
    test: recipeTest,
  });
  const calls = await runUserData(userData, root);
  assert.equal(calls.at(-1), 'systemctl poweroff');
  return bootTestResultSchema.parse(JSON.parse(await store.get(bootTestResultKey(id, INSTANCE))));
}

test('a boot test passes on an image as it was baked, and names each thing that is wrong with another', async () => {
  const root = makeRoot();
  const packed = await pack('true', TESTS);
  await runUserData(bake('bake-3', packed), root);
  bootFrom(root);
  const good = await bootTest('bake-3', packed, root);
  assert.deepEqual([good.ok, good.error], [true, undefined]);
  assert.ok(good.checks?.some(({ check }) => check === 'unit web.service'));

  writeFileSync(join(root, 'opt/web/run'), '#!/bin/sh\necho web 2.0\n');
  writeFileSync(join(root, 'etc/machine-id'), `${BUILDER_MACHINE_ID}\n`);
  mkdirSync(join(root, 'var/lib/cloud/instances/i-builder'));
  writeFileSync(join(root, 'etc/ssh/ssh_host_rsa_key'), 'of the image');
  utimesSync(join(root, 'etc/ssh/ssh_host_rsa_key'), 1, 1);
  const bad = await bootTest('bake-3', { ...packed, digest: 'another' }, root);
  assert.equal(bad.ok, false);
  const failed = bad.checks?.filter(({ ok }) => !ok).map(({ check }) => check);
  assert.deepEqual(failed, [
    'image',
    'files',
    'machine-id',
    'cloud-init',
    'host keys',
    'command sh $ZONEWRIGHT_BAKE_ROOT/opt/web/run',
  ]);
  assert.match(bad.error ?? '', /machine-id is the builder's/);
});
