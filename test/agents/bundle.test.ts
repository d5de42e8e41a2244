import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bundleAgents } from '../../clients/recipes/bundle-agents.ts';

const home = mkdtempSync(join(tmpdir(), 'zonewright-bundle-'));
after(() => rmSync(home, { recursive: true }));

const run = (program: string) =>
  spawnSync(process.execPath, [program], {
    cwd: '/',
    encoding: 'utf8',
    timeout: 30_000,
    env: { PATH: process.env['PATH'] },
  });

test('the programs of machines run where there is nothing but Node, up to their configuration', async () => {
  const folder = await bundleAgents({ cache: join(home, 'one') });
  for (const name of ['join', 'zone-worker']) {
    const { stdout, stderr, status } = run(join(folder, `${name}.mjs`));
    assert.equal(status, 1, name);
    assert.match(stdout + stderr, /machine\.json/, name);
    assert.doesNotMatch(stdout + stderr, /MODULE_NOT_FOUND|Cannot find/, name);
  }
});

test('the same sources give the same bytes', async () => {
  const [one, two] = [
    await bundleAgents({ cache: join(home, 'one') }),
    await bundleAgents({ cache: join(home, 'two') }),
  ];
  assert.notEqual(one, two);
  for (const name of readdirSync(one, { recursive: true, encoding: 'utf8' }).filter((each) =>
    /\.\w+$/.test(each),
  )) {
    assert.ok(readFileSync(join(one, name)).equals(readFileSync(join(two, name))), name);
  }
});

test('a bundled worker loads Temporal’s native part and dials its server', async () => {
  const program = join(home, 'worker.ts');
  const worker = join(import.meta.dirname, '../../node_modules/@temporalio/worker/lib/index.js');
  writeFileSync(
    program,
    `import { NativeConnection, Worker } from ${JSON.stringify(worker)};
     console.log(typeof Worker.create);
     await NativeConnection.connect({ address: '127.0.0.1:1' });`,
  );
  const folder = await bundleAgents({ cache: join(home, 'one'), programs: { worker: program } });
  const { stdout, stderr } = run(join(folder, 'worker.mjs'));
  assert.match(stdout, /function/);
  assert.match(stderr, /TransportError: .*Connection refused/);
});
