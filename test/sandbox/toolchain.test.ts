import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { locateTool, obtainTool } from '../../sandbox/toolchain/engine.ts';
import { centralUrl } from '../../sandbox/toolchain/maven.ts';
import { runCommand } from '../../sandbox/toolchain/run.ts';
import {
  ChecksumError,
  type Progress,
  type Tool,
  ToolUnavailableError,
} from '../../sandbox/toolchain/tool.ts';
import { toyScript, toyTool } from './toolchain-toy.ts';

let folder: string;
let journal: string;
const path = process.env['PATH'];
const none = () => undefined;
const obtain = (tool: Tool) => obtainTool(tool, none, { onProgress: () => {} });
const madeTimes = () => (existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n').length : 0);
const cacheEntries = () => {
  const tools = join(folder, 'cache', 'tools', 'toy');
  return existsSync(tools) ? readdirSync(tools) : [];
};

function putOnPath(name: string, version: string): string {
  const bin = join(folder, name);
  mkdirSync(bin);
  writeFileSync(join(bin, 'toy'), toyScript(version));
  chmodSync(join(bin, 'toy'), 0o755);
  process.env['PATH'] = `${bin}:${process.env['PATH']}`;
  return join(bin, 'toy');
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'toolchain-'));
  journal = join(folder, 'journal');
  process.env['ZONEWRIGHT_CACHE'] = join(folder, 'cache');
});

afterEach(() => {
  process.env['PATH'] = path;
  delete process.env['ZONEWRIGHT_CACHE'];
  delete process.env['ZONEWRIGHT_TOY'];
  rmSync(folder, { recursive: true });
});

describe('obtainTool() looks in order', () => {
  test('the environment variable wins over PATH', async () => {
    putOnPath('bin', '2.1.0');
    const mine = join(folder, 'mine');
    writeFileSync(mine, '');
    process.env['ZONEWRIGHT_TOY'] = mine;
    assert.equal(await obtain(toyTool({ journal })), mine);
  });

  test('a variable that names no file is an error that says so', async () => {
    process.env['ZONEWRIGHT_TOY'] = '/nowhere/toy';
    await assert.rejects(obtain(toyTool()), {
      name: 'ToolUnavailableError',
      message:
        'Cannot obtain "toy" 2.1.0: ZONEWRIGHT_TOY names "/nowhere/toy", which does not exist; install it with: apt-get install toy',
    });
  });

  test('the right version on PATH is taken behind a wrong one', async () => {
    const right = putOnPath('right', '2.1.0');
    putOnPath('wrong', '2.0.9');
    assert.equal(await obtain(toyTool({ journal })), right);
    assert.equal(madeTimes(), 0);
  });

  test('a wrong version on PATH is ignored and the tool is made once', async () => {
    putOnPath('wrong', '2.0.9');
    const tool = toyTool({ journal });
    assert.equal(await locateTool(tool, none), undefined);
    const first = await obtain(tool);
    assert.equal(await runCommand(first, []), 'toy version 2.1.0\n');
    assert.equal(await obtain(tool), first);
    assert.equal(madeTimes(), 1);
    assert.deepEqual(await locateTool(tool, none), { origin: 'cache', path: first });
  });

  test('another recipe lies in another folder', async () => {
    assert.notEqual(await obtain(toyTool({ flavour: 'salt' })), await obtain(toyTool({ flavour: 'pepper' })));
  });

  test('a failure names the command that installs the tool', async () => {
    const tool = toyTool();
    assert.ok(tool.source.kind === 'parcel');
    const make = () => Promise.reject(new Error('the registry does not answer\nlong output'));
    const broken: Tool = { ...tool, source: { ...tool.source, parcel: { ...tool.source.parcel, make } } };
    await assert.rejects(obtain(broken), {
      name: 'ToolUnavailableError',
      message:
        'Cannot obtain "toy" 2.1.0: the registry does not answer; install it with: apt-get install toy',
    });
    assert.deepEqual(cacheEntries(), []);
  });
});

describe('the cache', () => {
  const start = (delayMs: number): ChildProcess =>
    spawn(process.execPath, [join(import.meta.dirname, 'toolchain-toy.ts'), journal, String(delayMs)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const result = async (child: ChildProcess) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, text };
  };

  test('is filled once by two runs at once', async () => {
    const [one, two] = await Promise.all([result(start(600)), result(start(600))]);
    assert.equal(one.code, 0);
    assert.deepEqual(two, one);
    assert.equal(madeTimes(), 1);
    assert.equal(cacheEntries().length, 1);
  });

  test('is cleaned of what a killed run left, lock included', async () => {
    const killed = start(60_000);
    const closed = once(killed, 'close');
    while (madeTimes() === 0) await sleep(20);
    assert.ok(killed.kill('SIGKILL'));
    await closed;
    assert.ok(cacheEntries().some((entry) => entry.endsWith('.partial')));
    assert.ok(cacheEntries().some((entry) => entry.endsWith('.lock')));

    const made = await obtain(toyTool({ journal }));

    assert.equal(await runCommand(made, []), 'toy version 2.1.0\n');
    assert.equal(cacheEntries().length, 1);
    assert.equal(madeTimes(), 2);
  });
});

describe('an official release', () => {
  let server: Server;
  let archive: Buffer;
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/toy.tar.gz`;
  const sha256 = () => createHash('sha256').update(archive).digest('hex');
  const to = { members: { 'release/toy-linux': 'toy' } };

  beforeEach(async () => {
    mkdirSync(join(folder, 'release'));
    writeFileSync(join(folder, 'release', 'toy-linux'), toyScript('2.1.0'), { mode: 0o755 });
    await runCommand('tar', ['-czf', join(folder, 'toy.tar.gz'), '-C', folder, 'release']);
    archive = readFileSync(join(folder, 'toy.tar.gz'));
    server = createServer((_request, response) => response.end(archive)).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => server.close());

  test('is taken when its checksum is the pinned one', async () => {
    const got = await obtain(toyTool({ journal, downloads: [{ url: url(), sha256: sha256(), to }] }));
    assert.equal(await runCommand(got, []), 'toy version 2.1.0\n');
    assert.equal(madeTimes(), 0);
  });

  test('is refused when it is not, and nothing is built in its place', async () => {
    const downloads = [{ url: url(), sha256: '0'.repeat(64), to }];
    await assert.rejects(obtain(toyTool({ journal, downloads })), (error: unknown) => {
      assert.ok(error instanceof ToolUnavailableError && error.cause instanceof ChecksumError);
      assert.match(error.message, new RegExp(`its SHA-256 is ${sha256()}, expected 0{64}`));
      return true;
    });
    assert.equal(madeTimes(), 0);
    assert.deepEqual(cacheEntries(), []);
  });

  test('is passed over when its server does not answer, which is said', async () => {
    const address = url();
    const downloads = [{ url: address, sha256: sha256(), to }];
    server.close();
    await once(server, 'close');
    const said: Progress[] = [];
    const tool = toyTool({ journal, downloads });
    const got = await obtainTool(tool, none, { onProgress: (progress) => said.push(progress) });
    assert.equal(await runCommand(got, []), 'toy version 2.1.0\n');
    assert.equal(madeTimes(), 1);
    assert.deepEqual([said[0]?.tool, said[0]?.message], ['toy', `downloading ${address}`]);
    assert.match(said[1]?.message ?? '', /^no official release within reach/);
    assert.ok(said.every(({ elapsedMs }, at) => elapsedMs >= (said[at - 1]?.elapsedMs ?? 0)));
  });
});

test('centralUrl() follows the mirror that the Maven settings name for central', () => {
  const mirrors = (mirrorOf: string) => {
    const file = join(folder, 'settings.xml');
    const mirror = `<mirror><id>m</id><url>https://mirror.example/maven/</url><mirrorOf>${mirrorOf}</mirrorOf></mirror>`;
    writeFileSync(file, `<settings><mirrors>${mirror}</mirrors></settings>`);
    return centralUrl(file);
  };
  const central = 'https://repo.maven.apache.org/maven2';
  assert.equal(mirrors('central'), 'https://mirror.example/maven');
  assert.equal(mirrors('*'), 'https://mirror.example/maven');
  assert.equal(mirrors('*,!central'), central);
  assert.equal(mirrors('internal'), central);
  assert.equal(centralUrl(join(folder, 'absent.xml')), central);
});
