import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { parse } from 'yaml';
import { InvalidInput } from '../../domain/errors.ts';
import { machineConfigSchema } from '../../domain/machine-config.ts';
import { bakeUserData } from '../../machine/bake-user-data.ts';
import { bootTestUserData } from '../../machine/boot-test-user-data.ts';
import { nodeUserData } from '../../machine/node-user-data.ts';
import { compactPython, USER_DATA_LIMIT_BYTES } from '../../machine/user-data.ts';
import { machineConfig } from '../agents/machine-fixture.ts';

const hex = (letter: string): string => letter.repeat(64);
const place = { bakeId: hex('a'), region: 'us-west-2', bucket: 'prod-zones', digest: hex('b') };
const builder = { ...place, archiveSha256: hex('c') };

interface CloudConfig {
  readonly preserve_hostname: boolean;
  readonly write_files: readonly {
    readonly path: string;
    readonly content: string;
    readonly permissions: string;
  }[];
  readonly runcmd?: readonly (readonly string[])[];
}
const read = (userData: string): CloudConfig => {
  assert.ok(userData.startsWith('#cloud-config\n'));
  assert.ok(Buffer.byteLength(userData) <= USER_DATA_LIMIT_BYTES);
  return parse(userData) as CloudConfig;
};

test('user data of a builder is the same bytes every time, and leaves nothing on its disk', () => {
  assert.equal(bakeUserData(builder), bakeUserData({ ...builder }));
  const { write_files: files, runcmd } = read(bakeUserData(builder));
  assert.ok(files.every(({ path }) => path.startsWith('/run/')));
  assert.deepEqual(runcmd?.at(-1), ['systemctl', 'start', '--no-block', 'zonewright-bake.service']);
  const unit = files.find(({ path }) => path.endsWith('.service'))?.content ?? '';
  assert.match(unit, /^After=cloud-final\.service/m);
});

test('the programs in user data are Python that compiles', () => {
  for (const userData of [
    bakeUserData(builder),
    bootTestUserData({ ...place, test: { units: [], commands: [] } }),
  ]) {
    const program = read(userData).write_files.find(({ path }) => path.endsWith('.py'))?.content ?? '';
    const check = 'import sys; compile(sys.stdin.read(), "program", "exec")';
    const { status, stderr } = spawnSync('python3', ['-c', check], { input: program, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  }
});

test('compactPython() drops comments and docstrings, keeps what they look like in text, indents by one', () => {
  const text = '# comment\ndef f():\n    """Says."""\n    if True:\n        return "# no comment"\n';
  assert.equal(compactPython(text), 'def f():\n if True:\n  return "# no comment"\n');
});

test('tests that do not fit into user data are refused', () => {
  const commands = Array.from({ length: 200 }, (_, at) => ({ run: `echo ${at} ${'x'.repeat(60)}` }));
  assert.throws(
    () => bootTestUserData({ ...place, test: { units: [], commands } }),
    (error) => error instanceof InvalidInput && /at most 16384 bytes/.test(error.message),
  );
});

test('user data of a node is its configuration and nothing else', () => {
  const { preserve_hostname, write_files: files, runcmd } = read(nodeUserData(machineConfig('worker')));
  assert.equal(preserve_hostname, true);
  assert.equal(runcmd, undefined);
  assert.deepEqual(
    files.map(({ path }) => path),
    ['/etc/zonewright/machine.json'],
  );
  const config = machineConfigSchema.parse(JSON.parse(files[0]?.content ?? ''));
  assert.equal(config.cluster.nodePodCidr, '10.64.3.0/24');
  assert.equal(config.storePrefix, '');
});

test('a wrong configuration is refused before any machine has it', () => {
  const config = machineConfig('worker');
  const wrong = [
    [{ ...config, role: 'master' }, /role: "master"/],
    [{ ...config, storePrefix: 'no-slash' }, /storePrefix: "no-slash" — expected .*slash/],
    [
      { ...config, cluster: { ...config.cluster, apiEndpoint: 'http://10.0.0.1:6443' } },
      /apiEndpoint.*https/,
    ],
    [{ ...config, secret: 'x' }, /secret/],
  ] as const;
  for (const [value, message] of wrong) {
    assert.throws(
      () => nodeUserData(value as never),
      (error) => error instanceof InvalidInput && message.test(error.message),
    );
  }
});
