import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { reservedIndex } from '../../sandbox/addresses.ts';
import { down } from '../../sandbox/down.ts';
import { SandboxError } from '../../sandbox/errors.ts';
import { findLeftovers } from '../../sandbox/leftovers.ts';
import { checkComputer } from '../../sandbox/preflight.ts';
import { endProcesses, identityOf, isAlive, MARK, markedProcesses } from '../../sandbox/processes.ts';
import { reset } from '../../sandbox/reset.ts';
import type { Service } from '../../sandbox/services.ts';
import { readState, statePath } from '../../sandbox/state.ts';
import { status } from '../../sandbox/status.ts';
import { runCommand } from '../../sandbox/toolchain/run.ts';
import { up, type SandboxProgress } from '../../sandbox/up.ts';
import { freePort, httpService } from './supervisor-services.ts';

let home: string;
const environment = async () => {};
const start = (servers: readonly Service[], options = {}) =>
  up({ home, servers, workers: [], environment, ...options });

beforeEach(() => {
  home = join(mkdtempSync(join(tmpdir(), 'supervisor-')), 'sandbox');
});
afterEach(async () => {
  await reset({ home });
  rmSync(join(home, '..'), { recursive: true });
});

async function assertNothingLeft(index: number | undefined): Promise<void> {
  assert.deepEqual(await findLeftovers({ home, index, instances: [] }), []);
  assert.equal(readState(home), undefined);
  assert.equal(reservedIndex(home), undefined);
}

describe('up()', { timeout: 60_000 }, () => {
  test('starts services in order, writes private state, and status() tells how they are', async () => {
    const ports = [await freePort(), await freePort()] as const;
    const said: string[] = [];
    const onProgress = ({ step, state }: SandboxProgress) => void said.push(`${step} ${state}`);
    const state = await start([httpService('one', ports[0])], {
      workers: [httpService('two', ports[1])],
      onProgress,
    });

    const steps = ['tools', 'one', 'environment', 'two'];
    assert.deepEqual(
      said,
      steps.flatMap((step) => [`${step} running`, `${step} done`]),
    );
    assert.deepEqual(readState(home), state);
    assert.equal(statSync(statePath(home)).mode & 0o777, 0o600);
    assert.equal(statSync(join(home, 'front.json')).mode & 0o777, 0o600);
    assert.equal(reservedIndex(home), state.addresses.index);
    const now = await status({ home });
    assert.equal(now.state, 'up');
    assert.deepEqual(
      now.processes.map(({ name, alive, listens }) => ({ name, alive, listens })),
      [
        { name: 'one', alive: true, listens: [`127.0.0.1:${ports[0]}`] },
        { name: 'two', alive: true, listens: [`127.0.0.1:${ports[1]}`] },
      ],
    );
    assert.ok(now.processes.every(({ residentBytes = 0 }) => residentBytes > 1e6));
    assert.ok(!JSON.stringify(now).includes(state.secretAccessKey));
  });

  test('refuses when it is up already', async () => {
    await start([httpService('one', await freePort())]);
    await assert.rejects(start([]), { code: 'already-up', exitCode: 2, message: /it is up \(one\)/ });
    assert.equal((await status({ home })).state, 'up');
  });

  test('starts again what has died and was outlived by what it knows, beside the rest', async () => {
    const one = httpService('one', await freePort());
    const two = { ...httpService('two', await freePort()), outlived: true } as const;
    const first = await start([one], { workers: [two] });
    const [kept, died] = first.processes;
    assert.ok(kept && died);
    await endProcesses([died], 0);
    const again = await start([one], { workers: [two] });
    assert.deepEqual(
      again.processes.map(({ name }) => name),
      ['one', 'two'],
    );
    assert.deepEqual(again.processes[0], kept);
    assert.notEqual(again.processes[1]?.pid, died.pid);
    assert.equal(again.id, first.id);
    assert.ok(existsSync(`${died.log}.1`));
    assert.equal((await status({ home })).state, 'up');
    await endProcesses([kept], 0);
    await assert.rejects(start([one], { workers: [two] }), {
      code: 'already-up',
      message: /it is up \(two\) but for one, which cannot be started again alone, .*sandbox down/,
    });
  });

  test('takes down what it had started when a service dies, and quotes its log', async () => {
    const servers = [httpService('one', await freePort()), httpService('two', await freePort(), 'die')];
    await assert.rejects(start(servers), {
      code: 'start-failed',
      exitCode: 1,
      message: 'Cannot start two: it ended; its log ends with:\nthe disk is on fire',
    });
    await assertNothingLeft(undefined);
  });

  test('gives up on a service that stays silent', async () => {
    const servers = [httpService('mute', await freePort(), 'silent')];
    await assert.rejects(start(servers), {
      code: 'start-failed',
      message: /mute: it did not answer within 0.6 s/,
    });
    await assertNothingLeft(undefined);
  });

  test('says that a command is not there', async () => {
    const absent: Service = {
      ...httpService('absent', 1),
      launch: () => ({ command: '/nowhere/server', args: [] }),
    };
    await assert.rejects(start([absent]), {
      code: 'start-failed',
      message: /Cannot start absent with "\/nowhere/,
    });
  });

  test('refuses a port that is in use and starts nothing', async () => {
    const base = 24_310;
    const squatter = createServer().listen(base + 2, '127.0.0.1');
    await once(squatter, 'listening');
    try {
      await assert.rejects(start([httpService('one', await freePort())], { basePort: base }), {
        code: 'port-in-use',
        exitCode: 2,
        message: 'Cannot listen on port 24312: it is in use, expected ports 24310 to 24314 to be free',
      });
    } finally {
      squatter.close();
    }
    await assertNothingLeft(undefined);
  });

  test('gives two sandboxes different addresses and ports', async () => {
    const other = `${home}-other`;
    try {
      const one = await start([httpService('one', await freePort())]);
      const two = await start([httpService('one', await freePort())], { home: other });
      assert.notEqual(one.addresses.index, two.addresses.index);
      assert.notEqual(one.addresses.elasticCidr, two.addresses.elasticCidr);
      assert.notEqual(new URL(one.temporalUi).port, new URL(two.temporalUi).port);
    } finally {
      await reset({ home: other });
    }
  });
});

describe('down()', { timeout: 60_000 }, () => {
  test('ends exactly its own processes and keeps images, which reset() removes', async () => {
    const bystander = spawn('sleep', ['1000'], { stdio: 'ignore' });
    try {
      const { processes, addresses } = await start([httpService('one', await freePort())]);
      writeFileSync(join(home, 'images', 'layer'), 'kept');
      assert.equal(await down({ home }), true);
      assert.ok(!processes.some(isAlive));
      assert.equal(bystander.exitCode ?? bystander.signalCode, null);
      await assertNothingLeft(addresses.index);
      assert.equal(readFileSync(join(home, 'images', 'layer'), 'utf8'), 'kept');
      assert.equal(await down({ home }), false);
      assert.equal(await reset({ home }), true);
      assert.ok(!existsSync(home));
      assert.equal(await reset({ home }), false);
    } finally {
      bystander.kill();
    }
  });

  test('leaves alone a process that took the pid of one that died', async () => {
    const { processes } = await start([httpService('one', await freePort())]);
    const bystander = spawn('sleep', ['1000'], { stdio: 'ignore' });
    try {
      const state = readState(home);
      const reused = { ...processes[0], pid: bystander.pid, startTicks: '1' };
      writeFileSync(statePath(home), JSON.stringify({ ...state, processes: [reused] }));
      await down({ home });
      assert.equal(bystander.exitCode ?? bystander.signalCode, null);
      assert.ok(!processes.some(isAlive));
    } finally {
      bystander.kill();
    }
  });

  test('finds children and mounts and loop devices after the state file is lost', async () => {
    const { processes, addresses } = await start([httpService('parent', await freePort(), 'parent')]);
    while (markedProcesses(home).length < 2) await sleep(20);
    mkdirSync(join(home, 'mounted'));
    await runCommand('mount', ['-t', 'tmpfs', 'none', join(home, 'mounted')]);
    await runCommand('truncate', ['-s', '1M', join(home, 'disk')]);
    await runCommand('losetup', ['--find', join(home, 'disk')]);
    await runCommand('ip', ['netns', 'add', `zw${addresses.index}-stray`]);
    rmSync(statePath(home));
    for (const { pid } of processes) process.kill(pid, 'SIGKILL');
    while (processes.some(isAlive)) await sleep(20);
    const left = await findLeftovers({ home, index: addresses.index, instances: [] });
    const kinds = left.map((line) => line.split(/ (?=\S+$)/)[0]);
    assert.deepEqual(kinds, ['process', 'mount', 'loop device', 'network namespace']);

    assert.equal(await down({ home }), true);

    await assertNothingLeft(addresses.index);
  });

  test('cleans up after an up() that was killed half way', async () => {
    const script = `
      import { up } from ${JSON.stringify(join(import.meta.dirname, '../../sandbox/up.ts'))};
      import { httpService } from ${JSON.stringify(join(import.meta.dirname, 'supervisor-services.ts'))};
      const slow = { ...httpService('slow', 1, 'silent'), readyTimeoutMs: 60_000 };
      await up({ home: process.argv[1], servers: [httpService('one', ${await freePort()}), slow] });`;
    const starter = spawn(process.execPath, ['--input-type=module', '-e', script, home], {
      stdio: 'inherit',
    });
    const ended = once(starter, 'close');
    while ((readState(home)?.processes.length ?? 0) < 2) await sleep(20);
    starter.kill('SIGKILL');
    await ended;
    const processes = readState(home)?.processes ?? [];
    assert.ok(processes.every(isAlive), 'services outlive their starter');

    await down({ home });

    assert.ok(!processes.some(isAlive));
    await assertNothingLeft(undefined);
  });

  test('is not confused by the mark of another sandbox', async () => {
    const other = spawn('sleep', ['1000'], {
      stdio: 'ignore',
      env: { ...process.env, [MARK]: `${home}-other` },
    });
    try {
      await start([httpService('one', await freePort())]);
      await down({ home });
      assert.equal(other.exitCode ?? other.signalCode, null);
    } finally {
      other.kill();
    }
  });
});

test('endProcesses() kills what does not heed SIGTERM', { timeout: 10_000 }, async () => {
  const script = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('ready');`;
  const stubborn = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(stubborn, 'close');
  await once(stubborn.stdout, 'data');
  const identity = identityOf(stubborn.pid ?? 0);
  assert.ok(identity);
  await endProcesses([identity], 200);
  assert.deepEqual(await ended, [null, 'SIGKILL']);
});

test('status() sees that a process has died', async () => {
  const { processes } = await start([httpService('one', await freePort())]);
  process.kill(processes[0]?.pid ?? 0, 'SIGKILL');
  while (processes.some(isAlive)) await sleep(20);
  const now = await status({ home });
  assert.equal(now.state, 'partly');
  assert.equal(now.processes[0]?.alive, false);
});

test('checkComputer() refuses other systems, other users and full disks, and names the alternative', () => {
  const good = { platform: 'linux', uid: 0, freeBytes: 4 * 2 ** 30 };
  const refusal = (change: object) => {
    try {
      checkComputer({ ...good, ...change }, '/var/lib/sandbox');
    } catch (error) {
      assert.ok(error instanceof SandboxError);
      assert.equal(error.exitCode, 2);
      return `${error.code}: ${error.message}`;
    }
    return 'none';
  };
  assert.equal(refusal({}), 'none');
  assert.match(
    refusal({ platform: 'darwin' }),
    /^not-linux: .* on "darwin": expected Linux; run "docker compose up sandbox-ui"/,
  );
  assert.match(refusal({ uid: 1000 }), /^not-root: .* as user 1000: expected root/);
  assert.match(
    refusal({ freeBytes: 2 ** 31 }),
    /^no-space: .* "\/var\/lib\/sandbox": 2.0 GiB free, expected 3/,
  );
});
