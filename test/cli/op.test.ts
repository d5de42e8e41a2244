import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { zonewright } from './cli.ts';
import type { CliResult } from './cli.ts';
import { ToyOperations } from './toy-operations.ts';
import type { ToyRun } from './toy-operations.ts';

let toys: ToyOperations;
before(async () => {
  toys = await ToyOperations.open();
});
after(() => toys.close());

const op = (...args: string[]): Promise<CliResult> => zonewright(['op', ...args], { env: toys.env });

async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await op(...args, '--json');
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as T;
}

interface Question {
  readonly explanation: { readonly state: string; readonly question?: { readonly id: string } };
}

/** Waits until the operation is in this state, as `op explain` says it. */
async function inState(run: ToyRun, state: string): Promise<Question['explanation']> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const { explanation } = await json<Question>('explain', run.id);
    if (explanation.state === state) return explanation;
    assert.ok(Date.now() < deadline, `still ${explanation.state}`);
  }
}

test('op list shows what is open, by zone and state, and what has ended on demand', async () => {
  const asking = await toys.start({ zone: 'zone03.toy', approval: true });
  await inState(asking, 'blocked');
  const ended = await toys.start({ zone: 'zone04.toy' });
  await ended.handle.result();
  type List = { operations: { id: string; state: string; zone: string; actor: string; endedAt?: string }[] };
  const open = (await json<List>('list', '--zone', 'zone03.toy')).operations;
  assert.deepEqual(
    open.map(({ id, state, zone, actor }) => [id, state, zone, actor]),
    [[asking.id, 'blocked', 'zone03.toy', 'alice']],
  );
  assert.deepEqual((await json<List>('list', '--zone', 'zone04.toy')).operations, []);
  const [all] = (await json<List>('list', '--zone', 'zone04.toy', '--all')).operations;
  assert.equal(all?.state, 'done');
  assert.ok(all?.endedAt);
  const text = await op('list', '--state', 'blocked');
  assert.match(text.stdout, /^ID +TYPE +ZONE +STATE +ACTOR/);
  assert.match(text.stdout, new RegExp(`^${asking.id} +ToyZone +zone03\\.toy +blocked +alice`, 'm'));
  await op('reject', asking.id);
});

test('a question is explained, answered once, and refused afterwards', async () => {
  const run = await toys.start({ approval: true });
  await inState(run, 'blocked');
  const explained = await op('explain', run.id);
  assert.match(explained.stdout, /^ToyZone-\d+ \(ToyZone\): blocked, asks: Make the toy zone\?/);
  assert.match(explained.stdout, /answer with: zonewright op decide ToyZone-\d+ <approve\|reject>/);
  assert.match(
    explained.stdout,
    /^without an answer until \d{4}-\d\d-\d\d [\d:]{8} UTC \(in 23 h 59 min\): reject$/m,
  );
  const wrong = await op('decide', run.id, 'maybe');
  assert.equal(wrong.code, 3);
  assert.match(wrong.stderr, /^error: Cannot decide "maybe": expected approve, reject/);
  const approved = await op('approve', run.id, '--reason', 'looks right');
  assert.equal(approved.code, 0, approved.stderr);
  await run.handle.result();
  const late = await op('approve', run.id);
  assert.equal(late.code, 3);
  assert.match(
    late.stderr,
    /^error: Cannot decide "approve" of "ToyZone-\d+": it has ended \(done\); carol@example\.com decided "approve" at \d\d:/,
  );
  const { explanation } = await json<{ explanation: { decisions: { actor: string; reason: string }[] } }>(
    'explain',
    run.id,
  );
  assert.deepEqual(
    explanation.decisions.map(({ actor, reason }) => [actor, reason]),
    [['carol@example.com', 'looks right']],
  );
});

test('pause holds, resume lets go on; what makes no sense is refused', async () => {
  let release = (): void => {};
  const run = await toys.start({}, (cloud) => {
    const held = cloud.hold('vpc.create vpc');
    release = () => held.release();
  });
  assert.equal((await op('resume', run.id)).code, 3);
  assert.equal((await op('pause', run.id, '--reason', 'lunch')).code, 0);
  const again = await op('pause', run.id);
  assert.equal(again.code, 3);
  assert.match(again.stderr, /paused already by carol@example\.com/);
  assert.match((await op('explain', run.id)).stdout, /paused by carol@example\.com at .*: lunch/);
  release();
  assert.equal((await op('resume', run.id)).code, 0);
  await run.handle.result();
});

test('abort asks for --yes without a terminal and then undoes', async () => {
  const run = await toys.start({ approval: true });
  await inState(run, 'blocked');
  const unsure = await op('abort', run.id);
  assert.equal(unsure.code, 2);
  assert.match(unsure.stderr, /expected: --yes/);
  const aborted = await op('abort', run.id, '--yes');
  assert.equal(aborted.code, 0, aborted.stderr);
  await assert.rejects(run.handle.result());
  const shown = await json<{ operation: { state: string } }>('show', run.id);
  assert.equal(shown.operation.state, 'failed');
});

test('op show draws the steps with their times and what they made', async () => {
  const run = await toys.start();
  await run.handle.result();
  const { code, stdout } = await op('show', run.id);
  assert.equal(code, 0);
  assert.match(stdout, /^ToyZone-\d+ {2}ToyZone {2}done/);
  assert.match(stdout, /^✓ vpc {2}creating VPC 172\.16\.0\.0\/23 {2}[\d.]+ s {2}\S+$/m);
  const { steps } = await json<{ steps: { step: string; state: string }[] }>('show', run.id);
  assert.deepEqual(new Set(steps.map(({ state }) => state)), new Set(['done']));
  assert.equal(steps.length, 6);
});

test('following ends with the result: progress on stderr, one document on stdout', async () => {
  const run = await toys.start();
  const { code, stdout, stderr } = await op('show', run.id, '--follow', '--json');
  assert.equal(code, 0, stderr);
  const outcome = JSON.parse(stdout) as { state: string; operation: string; result: { machine: string } };
  assert.equal(outcome.state, 'done');
  assert.equal(outcome.operation, run.id);
  assert.ok(outcome.result.machine);
  assert.match(stderr, /✓ machine {2}launching machine toy/);
});

test('following stops with exit code 4 when --wait runs out; the operation goes on', async () => {
  const run = await toys.start({ approval: true });
  const { code, stderr } = await op('show', run.id, '--follow', '--wait', '2s');
  assert.equal(code, 4);
  assert.match(stderr, /asks: Make the toy zone\?/);
  assert.match(stderr, /ToyZone-\d+ goes on; look again with: zonewright op show ToyZone-\d+ --follow/);
  assert.equal((await run.handle.describe()).status.name, 'RUNNING');
  await op('reject', run.id);
});

test('on a terminal the steps are drawn in place, in colour unless NO_COLOR is set', async () => {
  const main = join(import.meta.dirname, '../../clients/cli/main.ts');
  const draw = async (env: Record<string, string>): Promise<string> => {
    const run = await toys.start();
    const command = `${process.execPath} ${main} op show ${run.id} --follow`;
    const { stdout } = await promisify(execFile)(
      'script',
      ['--quiet', '--return', '--command', command, '/dev/null'],
      {
        env: { ...process.env, ...toys.env, TERM: 'xterm', ...env },
      },
    );
    return stdout;
  };
  const colourful = await draw({});
  const escape = String.fromCharCode(27);
  assert.ok(colourful.includes(`${escape}[32m✓${escape}[39m machine`), colourful);
  assert.ok(colourful.includes(`${escape}[2K`));
  const plain = await draw({ NO_COLOR: '1' });
  assert.ok(plain.includes('✓ machine  launching machine toy'), plain);
  assert.ok(!plain.includes(`${escape}[32m`));
});

test('Ctrl-C detaches and never aborts', async () => {
  const run = await toys.start({ approval: true });
  await inState(run, 'blocked');
  const main = join(import.meta.dirname, '../../clients/cli/main.ts');
  const child = spawn(process.execPath, [main, 'op', 'show', run.id, '--follow'], {
    env: { ...process.env, ...toys.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  while (!stderr.includes('asks:')) await once(child.stderr, 'data');
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 4);
  assert.match(stderr, /goes on; look again with/);
  assert.equal((await inState(run, 'blocked')).state, 'blocked');
  await op('reject', run.id);
});

test('a failed operation ends with 1 and says why; a declined one with 3', async () => {
  const trouble = { type: 'CloudRefused', retryable: false };
  const run = await toys.start({ onFailure: 'roll-back' }, (cloud) =>
    cloud.fail('role.create role', trouble),
  );
  const failed = await op('show', run.id, '--follow', '--json');
  assert.equal(failed.code, 1);
  const outcome = JSON.parse(failed.stdout) as { state: string; error: { type: string } };
  assert.deepEqual([outcome.state, outcome.error.type], ['failed', 'CloudRefused']);
  assert.match(failed.stderr, /everything was undone/);
  const declined = await toys.start({ approval: true });
  await inState(declined, 'blocked');
  await op('reject', declined.id);
  assert.equal((await op('show', declined.id, '--follow')).code, 3);
});

test('without a worker, explain says what was said last and that nobody polls', async () => {
  const run = await toys.start({ approval: true });
  await inState(run, 'blocked');
  await toys.stopWorker();
  try {
    const { code, stdout } = await op('explain', run.id);
    assert.equal(code, 0);
    assert.match(stdout, /blocked, asks: Make the toy zone\?/);
    assert.match(stdout, /^No worker answered; this is what the operation said last\.$/m);
    const late = await op('approve', run.id);
    assert.equal(late.code, 1);
    assert.match(late.stderr, /^error: Cannot decide "ToyZone-\d+": no worker answered/);
  } finally {
    await toys.startWorker();
  }
  await run.handle.result();
});

test('one that was terminated is found as such, and explained by who did it', async () => {
  const run = await toys.start({ zone: 'zone09.toy', approval: true });
  await inState(run, 'blocked');
  await run.handle.terminate('the zone is gone');
  await assert.rejects(run.handle.result());
  type List = { operations: { id: string; state: string }[] };
  const listed = async (state: string) =>
    (await json<List>('list', '--zone', 'zone09.toy', '--state', state)).operations.map(({ id }) => id);
  const deadline = Date.now() + 10_000;
  while ((await listed('blocked')).length > 0) assert.ok(Date.now() < deadline);
  assert.deepEqual(await listed('terminated'), [run.id]);
  const { stdout } = await op('explain', run.id);
  assert.match(stdout, /^ToyZone-\d+ \(ToyZone, zone zone09\.toy\): failed, the zone is gone$/m);
  assert.doesNotMatch(stdout, /answer with|you can/);
  const shown = await op('show', run.id);
  assert.match(shown.stdout, /^ToyZone-\d+ {2}ToyZone {2}terminated/);
  assert.match(shown.stdout, /^error: the zone is gone$/m);
  const refused = await op('approve', run.id);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /it has ended \(failed\)$/m);
});

test('a step whose queue nobody polls is named, also while the operation itself answers', async () => {
  const run = await toys.startToy('ToyAdmission', { zone: 'zone08.toy' });
  const deadline = Date.now() + 20_000;
  for (;;) {
    const { unpolled } = await json<{ unpolled: string[] }>('explain', run.id);
    if (unpolled.length > 0) break;
    assert.ok(Date.now() < deadline);
  }
  const { stdout } = await op('explain', run.id);
  assert.match(stdout, /^No worker polls "zonewright-zone-zone08\.toy": what waits there does not move/m);
  await run.handle.terminate();
});

test('an unknown operation is refused', async () => {
  for (const verb of ['show', 'explain', 'pause']) {
    const { code, stderr } = await op(verb, 'nothing-like-it');
    assert.equal(code, 2, verb);
    assert.match(stderr, /^error: Cannot find operation "nothing-like-it"/);
  }
});

test('unreachable Temporal is named with its address, soon', async () => {
  toys.writeContext('127.0.0.1:1', 'nobody');
  const began = performance.now();
  const { code, stderr } = await zonewright(['op', 'list'], {
    env: { ...toys.env, ZONEWRIGHT_CONTEXT: 'nobody' },
  });
  assert.equal(code, 2);
  assert.match(stderr, /^error: Cannot reach Temporal at "127\.0\.0\.1:1" \(context "nobody"\)/);
  assert.match(stderr, /because: .*ECONNREFUSED/);
  assert.ok(performance.now() - began < 5_000);
});
