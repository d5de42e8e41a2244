import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freshPerson, zonewright } from './cli.ts';

test('help lists the nouns and ends with 0', async () => {
  const { code, stdout } = await zonewright(['--help']);
  assert.equal(code, 0);
  for (const noun of [
    'context',
    'sandbox',
    'toolchain',
    'image',
    'zone',
    'etcd',
    'op',
    'schedule',
    'completion',
  ]) {
    assert.match(stdout, new RegExp(`^  ${noun}\\b`, 'm'));
  }
});

test('help loads no client of a cloud, a cluster or Temporal', () => {
  const main = join(import.meta.dirname, '../../clients/cli/main.ts');
  const printed = execFileSync(
    process.execPath,
    ['--import', join(import.meta.dirname, 'loaded.ts'), main, '--help'],
    {
      encoding: 'utf8',
    },
  );
  const packages = new Set(printed.match(/(?<=node_modules\/)(?:@[^/]+\/)?[^/]+/g));
  assert.ok(packages.has('commander'), [...packages].join());
  const heavy = [...packages].filter((name) =>
    /^(@temporalio|@aws-sdk|@kubernetes|@slack|@grpc|etcd3|protobufjs|node-forge)/.test(name),
  );
  assert.deepEqual(heavy, []);
});

test('an unknown noun is refused with the one that was meant', async () => {
  const { code, stdout, stderr } = await zonewright(['sandox']);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /^error: unknown command 'sandox'/);
  assert.match(stderr, /Did you mean sandbox\?/);
});

test('an unknown verb is refused with the one that was meant', async () => {
  const { code, stderr } = await zonewright(['sandbox', 'stauts']);
  assert.equal(code, 2);
  assert.match(stderr, /^error: unknown command 'stauts'/);
  assert.match(stderr, /Did you mean status\?/);
});

test('a missing argument and an unknown option are usage errors', async () => {
  const missing = await zonewright(['context', 'use']);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /^error: missing required argument 'name'/);
  const unknown = await zonewright(['context', 'list', '--jsn']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /^error: unknown option '--jsn'/);
});

test('what would need an answer is refused without a terminal', async (t) => {
  const { env } = freshPerson(t);
  const { code, stdout, stderr } = await zonewright(['sandbox', 'reset'], { env });
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(
    stderr,
    /^error: Cannot ask "Remove the sandbox .*" without a terminal\n {2}expected: --yes\n$/,
  );
});

test('with --json an error is a document on stdout, too', async (t) => {
  const { env } = freshPerson(t);
  const { code, stdout } = await zonewright(['context', 'show', '--json'], { env });
  assert.equal(code, 2);
  const { error } = JSON.parse(stdout) as { error: Record<string, unknown> };
  assert.equal(error['exitCode'], 2);
  assert.match(String(error['message']), /^Cannot tell which context to use/);
});

test('a stack is shown only when it is asked for', async (t) => {
  const { env } = freshPerson(t);
  const args = ['context', 'show', 'nowhere'];
  const plain = await zonewright(args, { env });
  assert.doesNotMatch(plain.stderr, /at .*\.ts:\d+/);
  const debugged = await zonewright(args, { env: { ...env, ZONEWRIGHT_DEBUG: '1' } });
  assert.match(debugged.stderr, /at .*contexts\.ts:\d+/);
  assert.equal(debugged.code, plain.code);
});

test('the command works through a link, as npm installs it', (t) => {
  const { folder, env } = freshPerson(t);
  const link = join(folder, 'zonewright');
  symlinkSync(join(import.meta.dirname, '../../clients/cli/zonewright'), link);
  const output = execFileSync(link, ['sandbox', 'status', '--json'], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  assert.equal((JSON.parse(output) as { state: string }).state, 'down');
});

test('start with a wrong file starts nothing', async (t) => {
  const { folder, env } = freshPerson(t);
  const { code, stderr } = await zonewright(['start', '--file', join(folder, 'none.yaml')], { env });
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^error: Cannot use the zone specification\n {2}file: .* — expected a file that exists/,
  );
  assert.ok(!existsSync(env['ZONEWRIGHT_SANDBOX_HOME'] ?? ''));
});
