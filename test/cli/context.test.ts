import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { addressesOf } from '../../sandbox/addresses.ts';
import type { SandboxState } from '../../sandbox/state.ts';
import { freshPerson, zonewright } from './cli.ts';

const GOOD = `
temporal: { address: "temporal.example.com:7233", namespace: prod, tls: { serverName: temporal } }
aws: { region: eu-central-1, profile: prod }
store: { bucket: prod-zones }
environment: { name: prod, domain: prod.example.com }
`;

const SANDBOX_STATE: SandboxState = {
  id: 'a-sandbox',
  startedAt: '2030-01-01T00:00:00.000Z',
  addresses: addressesOf(7),
  region: 'us-east-1',
  accountId: '123456789012',
  awsEndpoint: 'http://127.0.0.1:4566',
  temporalAddress: '127.0.0.1:7233',
  temporalUi: 'http://127.0.0.1:8233',
  namespace: 'dev',
  accessKeyId: 'AKIAEXAMPLE',
  secretAccessKey: 'a-secret-that-nobody-prints',
  bucket: 'zonewright-dev',
  environmentDomain: 'dev.zonewright.test',
  sourceImageName: 'debian-12',
  processes: [],
};

function writeContext(env: Record<string, string>, name: string, text: string): void {
  const folder = join(env['ZONEWRIGHT_HOME'] ?? '', 'contexts');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.yaml`), text);
}

function pretendSandbox(env: Record<string, string>): void {
  const home = env['ZONEWRIGHT_SANDBOX_HOME'] ?? '';
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'sandbox.json'), JSON.stringify(SANDBOX_STATE));
}

const json = async (args: readonly string[], env: Record<string, string>): Promise<unknown> => {
  const { code, stdout, stderr } = await zonewright([...args, '--json'], { env });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
};

test('a person without contexts is told what to do', async (t) => {
  const { env } = freshPerson(t);
  assert.deepEqual(await json(['context', 'list'], env), { contexts: [] });
  const { code, stderr } = await zonewright(['context', 'show'], { env });
  assert.equal(code, 2);
  assert.match(stderr, /^error: Cannot tell which context to use/);
  assert.match(stderr, /expected: "zonewright sandbox up"/);
});

test('a context that is used is remembered', async (t) => {
  const { env } = freshPerson(t);
  writeContext(env, 'prod', GOOD);
  writeContext(env, 'staging', GOOD);
  const { code } = await zonewright(['context', 'use', 'prod'], { env });
  assert.equal(code, 0);
  assert.deepEqual(await json(['context', 'list'], env), {
    contexts: [
      { name: 'prod', current: true },
      { name: 'staging', current: false },
    ],
  });
});

test('the sandbox is the default while it is up, and its secret is not shown', async (t) => {
  const { env } = freshPerson(t);
  pretendSandbox(env);
  const shown = await zonewright(['context', 'show', '--json'], { env });
  const context = JSON.parse(shown.stdout) as Record<string, Record<string, unknown>>;
  assert.equal(context['name'], 'sandbox');
  assert.equal(context['temporal']?.['address'], SANDBOX_STATE.temporalAddress);
  assert.equal(context['environment']?.['domain'], SANDBOX_STATE.environmentDomain);
  assert.ok(!shown.stdout.includes(SANDBOX_STATE.secretAccessKey));
});

test('ZONEWRIGHT_CONTEXT wins over what was chosen, which wins over the sandbox', async (t) => {
  const { env } = freshPerson(t);
  pretendSandbox(env);
  writeContext(env, 'prod', GOOD);
  writeContext(env, 'staging', GOOD);
  await zonewright(['context', 'use', 'prod'], { env });
  const chosen = (await json(['context', 'show'], env)) as { name: string };
  assert.equal(chosen.name, 'prod');
  const named = (await json(['context', 'show'], { ...env, ZONEWRIGHT_CONTEXT: 'staging' })) as {
    name: string;
  };
  assert.equal(named.name, 'staging');
});

test('an unknown context is refused with those there are, and is not remembered', async (t) => {
  const { env } = freshPerson(t);
  writeContext(env, 'prod', GOOD);
  const { code, stderr } = await zonewright(['context', 'use', 'prd'], { env });
  assert.equal(code, 2);
  assert.equal(
    stderr,
    'error: Cannot use context "prd": there is none of this name\n  expected: one of prod\n',
  );
  const { contexts } = (await json(['context', 'list'], env)) as { contexts: { current: boolean }[] };
  assert.deepEqual(
    contexts.map(({ current }) => current),
    [false],
  );
});

test('a wrong context names path, value and expectation', async (t) => {
  const { env } = freshPerson(t);
  const wrong = GOOD.replace('temporal.example.com:7233', 'temporal.example.com').replace('bucket', 'buckt');
  writeContext(env, 'prod', wrong);
  const { code, stderr } = await zonewright(['context', 'show', 'prod'], { env });
  assert.equal(code, 2);
  assert.match(stderr, /temporal\.address: "temporal\.example\.com" — expected host:port/);
  assert.match(stderr, /store\.buckt: "prod-zones" — expected no such key; did you mean "bucket"\?/);
});

test('a context that is not YAML is refused with its line', async (t) => {
  const { env } = freshPerson(t);
  writeContext(env, 'prod', 'temporal: {\naws: [');
  const { code, stderr } = await zonewright(['context', 'show', 'prod'], { env });
  assert.equal(code, 2);
  assert.match(stderr, /prod\.yaml"\n {2}line \d+: .* — expected YAML/);
});
