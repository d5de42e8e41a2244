import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshPerson, zonewright } from './cli.ts';

test('toolchain status names every tool with its pinned version and obtains nothing', async (t) => {
  const { env } = freshPerson(t);
  const { code, stdout } = await zonewright(['toolchain', 'status', '--json'], { env });
  assert.equal(code, 0);
  const { tools } = JSON.parse(stdout) as { tools: { name: string; version: string }[] };
  const names = tools.map(({ name }) => name);
  for (const name of ['temporal', 'etcd', 'kubelet', 'versitygw', 'base-root'])
    assert.ok(names.includes(name), name);
  for (const { name, version } of tools) assert.notEqual(version, '', name);
});

test('an unknown tool is refused with the one that was meant', async (t) => {
  const { env } = freshPerson(t);
  const { code, stderr } = await zonewright(['toolchain', 'install', 'kubelt'], { env });
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^error: Cannot install "kubelt": there is no such tool\n {2}expected: "kubelet"\?\n$/,
  );
});
