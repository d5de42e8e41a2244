import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { environmentVariable } from '../../sandbox/toolchain/engine.ts';
import { obtain, obtainAll, status, TOOLS } from '../../sandbox/toolchain/index.ts';
import { runCommand } from '../../sandbox/toolchain/run.ts';

const folder = join(import.meta.dirname, '../../sandbox/toolchain');
const read = (...parts: string[]) => readFileSync(join(folder, ...parts), 'utf8');

for (const name of readdirSync(join(folder, 'go'))) {
  test(`the Go module of ${name} is pinned and verified`, () => {
    const tool = Object.values(TOOLS).find(
      ({ source }) => source.kind === 'parcel' && source.parcel.name === name,
    );
    assert.ok(tool, `no tool is made from go/${name}`);
    assert.ok(read('go', name, 'go.mod').includes(` v${tool.version}`), 'go.mod requires another version');
    const sums = read('go', name, 'go.sum').trim().split('\n');
    assert.ok(sums.every((line) => /^\S+ v\S+ h1:[\w+/]{43}=$/.test(line)));
    assert.ok(sums.some((line) => line.includes(` v${tool.version} h1:`)));
  });
}

for (const name of readdirSync(join(folder, 'python'))) {
  test(`every package in ${name} carries hashes`, () => {
    const requirements = read('python', name).replaceAll('\\\n', ' ').trim().split('\n');
    for (const line of requirements) assert.match(line, /^[\w.[\]-]+==\S+ .*--hash=sha256:[0-9a-f]{64}/);
  });
}

test('the jars of the test server are listed with their version', () => {
  const jars = JSON.parse(read('maven', 'temporal-test-server.json')) as { path: string; sha256: string }[];
  const { version } = TOOLS['temporal-test-server'];
  assert.ok(jars.some(({ path }) => path.endsWith(`/temporal-test-server-${version}.jar`)));
  assert.ok(jars.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256)));
});

test('every tool has its own environment variable and a command that installs it', () => {
  const variables = Object.keys(TOOLS).map(environmentVariable);
  assert.equal(new Set(variables).size, variables.length);
  assert.equal(environmentVariable('kube-apiserver'), 'ZONEWRIGHT_KUBE_APISERVER');
  for (const [key, tool] of Object.entries(TOOLS)) {
    assert.equal(tool.name, key);
    assert.match(tool.install, /^(apt-get install|curl -f|go install|mmdebstrap|npm ci|python3 -m venv)/);
  }
});

test('status() lists every tool and obtains none', async () => {
  const tools = await status();
  assert.deepEqual(
    tools.map(({ name }) => name),
    Object.keys(TOOLS),
  );
});

test('containerd is the one that machines run, and unbound runs with libraries of its own', async () => {
  const { containerd, unbound } = await obtainAll(['containerd', 'unbound']);
  const { version } = TOOLS.containerd;
  assert.ok((await runCommand(containerd, ['--version'])).includes(` ${version}`));
  assert.match(await runCommand(unbound, ['-V']), /^Version 1\.(1[7-9]|[2-9]\d)\./);
});

test('obtain() finds the Node that runs this, also by its variable', async () => {
  assert.match(await obtain('node'), /\/node$/);
  assert.deepEqual(await obtainAll(['node']), { node: await obtain('node') });
});
