/** What the computer does not allow is refused before anything starts, with what is expected instead. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test, type TestContext } from 'node:test';
import { stringify } from 'yaml';
import { isAlive, markedProcesses } from '../../sandbox/processes.ts';
import { readState, type SandboxState } from '../../sandbox/state.ts';
import { up } from '../../sandbox/up.ts';
import { zonewright, type CliResult } from '../cli/cli.ts';
import { root } from './person.ts';

/** An empty home for a sandbox and a person without contexts; both go when the test ends. */
function fresh(t: TestContext): { folder: string; home: string; env: Record<string, string> } {
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-bad-input-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const home = join(folder, 'sandbox');
  const env = {
    ZONEWRIGHT_SANDBOX_HOME: home,
    ZONEWRIGHT_HOME: join(folder, 'config'),
    ZONEWRIGHT_CONTEXT: '',
  };
  return { folder, home, env };
}

function assertRefused({ code, stdout, stderr }: CliResult, says: RegExp): void {
  assert.equal(code, 2, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, says);
  assert.doesNotMatch(stderr, /^\s+at /m, 'a stack');
}

/** No process, no state; a folder that was made may stay. */
function assertNothingStarted(home: string): void {
  assert.deepEqual(markedProcesses(home), []);
  assert.ok(!existsSync(join(home, 'sandbox.json')));
}

const isRoot = process.getuid?.() === 0;

describe('a sandbox that cannot start', { skip: !isRoot && 'needs root to change who asks' }, () => {
  test('for somebody who is not root', (t) => {
    const { folder, home, env } = fresh(t);
    chmodSync(folder, 0o777);
    for (const verb of ['up', 'down', 'reset --yes']) {
      const result = asNobody(['sandbox', ...verb.split(' ')], env);
      if (verb === 'up') {
        assertRefused(
          result,
          /^error: Cannot start the sandbox as user 65534: expected root; run "docker compose up sandbox-ui" or use real accounts/m,
        );
      } else assert.deepEqual([result.code, result.stdout], [0, 'There was no sandbox\n'], result.stderr);
      assertNothingStarted(home);
    }
  });

  test('where there is too little space', async (t) => {
    const { home, env } = fresh(t);
    mkdirSync(home);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', home]);
    try {
      const says = /^error: Cannot start the sandbox in ".*\/sandbox": 0\.\d GiB free, expected 3$/m;
      assertRefused(await zonewright(['sandbox', 'up'], { env }), says);
      assertNothingStarted(home);
      assert.deepEqual(readdirSync(home), []);
    } finally {
      execFileSync('umount', [home]);
    }
  });

  test('where a port that it was told to use is taken', async (t) => {
    const { home, env } = fresh(t);
    const server = createServer().listen(0, '0.0.0.0');
    t.after(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const { port } = address;
    assertRefused(
      await zonewright(['sandbox', 'up', '--base-port', String(port)], { env }),
      new RegExp(
        `^error: Cannot listen on port ${port}: it is in use, expected ports ${port} to \\d+ to be free$`,
        'm',
      ),
    );
    assertNothingStarted(home);
    for (const wrong of ['0', '70000', 'http']) {
      const result = await zonewright(['sandbox', 'up', '--base-port', wrong], { env });
      assertRefused(result, /Expected a port from 1 to 65535/);
    }
  });
});

test('what needs a sandbox says so where there is none', async (t) => {
  const { env } = fresh(t);
  const context = { ...env, ZONEWRIGHT_CONTEXT: 'sandbox' };
  const file = join(root, 'examples/zone.yaml');
  const commands = [
    ['zone', 'list'],
    ['zone', 'plan', file],
    ['op', 'list'],
    ['image', 'list'],
  ];
  for (const args of commands) {
    const says =
      /^error: Cannot use context "sandbox": no sandbox is up\n {2}expected: run "zonewright sandbox up" first$/m;
    assertRefused(await zonewright(args, { env: context }), says);
  }
});

describe('the sandbox, asked with keys that are not its own', { skip: !isRoot && 'needs root' }, () => {
  let sandbox: SandboxState;
  before(async () => {
    const there = readState();
    sandbox = there?.processes.some(isAlive) ? there : await up();
  });
  const commands = [
    ['image', 'list'],
    ['zone', 'list'],
    ['zone', 'plan', join(root, 'examples/zone.yaml')],
    ['image', 'bake', join(root, 'examples/images/zone')],
  ];
  for (const args of commands) {
    test(args.slice(0, 2).join(' '), async (t) => {
      const { env } = fresh(t);
      const contexts = join(env['ZONEWRIGHT_HOME'] ?? '', 'contexts');
      mkdirSync(contexts, { recursive: true });
      const wrong = {
        temporal: { address: sandbox.temporalAddress, namespace: sandbox.namespace },
        aws: { region: sandbox.region, endpoint: sandbox.awsEndpoint },
        store: { bucket: sandbox.bucket },
        environment: { name: 'dev', domain: sandbox.environmentDomain },
        sourceImage: sandbox.sourceImageName,
      };
      writeFileSync(join(contexts, 'wrong.yaml'), stringify(wrong));
      const keys = { AWS_ACCESS_KEY_ID: 'AKIAWRONGWRONGWRONG0', AWS_SECRET_ACCESS_KEY: 'not-the-secret' };
      const result = await zonewright(args, { env: { ...env, ...keys, ZONEWRIGHT_CONTEXT: 'wrong' } });
      assertRefused(result, /^error: Cannot use the AWS credentials of context "wrong"$/m);
      assert.ok(!result.stderr.includes('not-the-secret'));
    });
  }
});

/** Runs the command line as the user `nobody`. */
function asNobody(args: readonly string[], env: Readonly<Record<string, string>>): CliResult {
  const who = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const main = join(root, 'clients/cli/main.ts');
  const { status, stdout, stderr } = spawnSync('setpriv', [...who, process.execPath, main, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    encoding: 'utf8',
  });
  return { code: status, stdout, stderr };
}
