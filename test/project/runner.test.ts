import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { findTests } from '../runner/files.ts';
import { draw, longFiles } from '../runner/long.ts';
import { failureLines, fileLine, lastLine, middleCut } from '../runner/report.ts';
import { runFile } from '../runner/run-file.ts';
import type { FileResult } from '../runner/run-file.ts';
import { runFiles } from '../runner/run-files.ts';
import { runStep } from '../runner/step.ts';

let root: string;
before(() => {
  root = mkdtempSync(join(tmpdir(), 'zonewright-runner-'));
});
after(() => rmSync(root, { recursive: true, force: true }));

const HEADER =
  "import { describe, test, before } from 'node:test';\nimport assert from 'node:assert/strict';\n";

function write(path: string, text: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, HEADER + text);
  return file;
}

/** The runner refuses to run inside a test of itself unless this is out of its sight. */
async function run(name: string, text: string, limitMs = 20_000): Promise<FileResult> {
  const marker = process.env['NODE_TEST_CONTEXT'];
  delete process.env['NODE_TEST_CONTEXT'];
  try {
    return await runFile(write(`alone/${name}.test.ts`, text), limitMs);
  } finally {
    if (marker !== undefined) process.env['NODE_TEST_CONTEXT'] = marker;
  }
}

const counts = ({ passed, failed, skipped }: FileResult): string => `${passed} ${failed} ${skipped}`;

test('tests are counted once, whatever is around them', async () => {
  const result = await run(
    'good',
    "describe('suite', () => { test('a', () => {}); test('b', { skip: true }, () => {}); });",
  );
  assert.equal(counts(result), '1 0 1');
  assert.match(fileLine('x.test.ts', result), /^ok {3}x\.test\.ts {2}1 passed, 1 skipped {2}\d+ ms$/);
});

test('a failing test is named with what is around it, what it threw and what the file said', async () => {
  const result = await run(
    'bad',
    "describe('suite', () => { test('good', () => {}); test('inner', () => { console.log('noise'); assert.equal(1, 2, 'one is two'); }); });",
  );
  assert.equal(counts(result), '1 1 0');
  const text = failureLines('x.test.ts', result);
  assert.match(text, /x\.test\.ts:3\nsuite > inner\n/);
  assert.match(text, /one is two/);
  assert.match(text, /Output of x\.test\.ts:\n {2}noise/);
});

test('a failing hook fails', async () => {
  const result = await run(
    'hook',
    "describe('suite', () => { before(() => { throw new Error('no ground'); }); test('a', () => {}); });",
  );
  assert.equal(result.passed, 0);
  assert.ok(result.failed >= 1);
  assert.match(failureLines('x', result), /no ground/);
});

test('a file without tests fails', async () => {
  const result = await run('empty', '');
  assert.equal(counts(result), '0 1 0');
  assert.match(failureLines('x', result), /holds no test/);
});

test('a file that crashes after its tests passed fails', async () => {
  const late = await run(
    'late',
    "test('a', () => {}); setTimeout(() => { throw new Error('too late'); }, 20);",
  );
  assert.equal(counts(late), '1 1 0');
  assert.match(failureLines('x', late), /outside its tests[^]*too late/);
  const gone = await run('gone', 'process.exit(3);');
  assert.equal(counts(gone), '0 1 0');
});

test('a file that hangs is stopped at its time limit', async () => {
  const result = await run(
    'hang',
    "test('a', async () => { await new Promise(() => setInterval(() => {}, 1000)); });",
    1_500,
  );
  assert.equal(counts(result), '0 1 0');
  assert.match(failureLines('x', result), /stopped at its time limit/);
  assert.ok(result.ms < 10_000);
});

test('what a stopped file had started is ended with it', async () => {
  const note = join(root, 'pid');
  const start = `const { spawn } = await import('node:child_process'); const { writeFileSync } = await import('node:fs');
    const child = spawn('sleep', ['600'], { stdio: 'ignore' }); writeFileSync('${note}', String(child.pid));`;
  await run(
    'leaver',
    `process.on('SIGTERM', () => {}); test('a', async () => { ${start} await new Promise(() => setInterval(() => {}, 1000)); });`,
    2_500,
  );
  const pid = Number(readFileSync(note, 'utf8'));
  assert.ok(pid > 0);
  // A process that has ended is there until it is reaped.
  const ended = async (): Promise<boolean> => {
    for (let look = 0; look < 50; look++) {
      if (!existsSync(`/proc/${pid}`)) return true;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return false;
  };
  assert.ok(await ended());
});

test('unit tests come first; those on real servers are told apart by folder', () => {
  for (const path of ['system/b', 'operations/c', 'sandbox/a/d', 'domain/z'])
    write(`test/${path}.test.ts`, '');
  write('test/domain/not-a-test.ts', '');
  assert.deepEqual(
    findTests(root).map(({ path, kind }) => `${kind} ${path}`),
    [
      'unit test/domain/z.test.ts',
      'real test/sandbox/a/d.test.ts',
      'real test/operations/c.test.ts',
      'real test/system/b.test.ts',
    ],
  );
  assert.deepEqual(findTests(root, ['domain', 'c.test']).length, 2);
  assert.deepEqual(findTests(root, ['nothing-like-it']), []);
});

test('of long files some are drawn by the seed, the same for the same seed, and each by some seed', () => {
  const names = ['a', 'b', 'c', 'd'].map((name) => `test/zone/${name}.test.ts`);
  const files = [...names, 'test/zone/short.test.ts'].map((path) => ({ path, kind: 'real' as const }));
  const long = Object.fromEntries(names.map((path) => [path, 3]));
  const paths = (seed: string) => draw(files, seed, long).drawn.map(({ path }) => path);
  const seeds = Array.from({ length: 40 }, (_, n) => String(n));
  for (const seed of seeds) {
    assert.deepEqual(paths(seed), paths(seed));
    assert.equal(paths(seed).length, 3);
    assert.equal(paths(seed).at(-1), 'test/zone/short.test.ts');
    assert.equal(draw(files, seed, long).left.length, 2);
  }
  assert.deepEqual(new Set(seeds.flatMap(paths)).size, 5);
});

test('every long file is there', () => {
  const { left } = draw(findTests(join(import.meta.dirname, '../..')), 'any');
  const all = findTests(join(import.meta.dirname, '../..')).map(({ path }) => path);
  assert.deepEqual(
    longFiles.filter((path) => !all.includes(path)),
    [],
  );
  assert.ok(left.length > 0 && left.every((path) => longFiles.includes(path)));
});

test('totals of many files add up, and failures are printed where they happen', async () => {
  const marker = process.env['NODE_TEST_CONTEXT'];
  delete process.env['NODE_TEST_CONTEXT'];
  write('test/sum/one.test.ts', "test('a', () => {}); test('b', () => {});");
  write('test/sum/two.test.ts', "test('a', () => { throw new Error('broken here'); });");
  const printed: string[] = [];
  const print = (text: string): void => void printed.push(text);
  const totals = await runFiles(findTests(root, ['test/sum/']), {
    root,
    concurrency: 2,
    limitMs: 20_000,
    print,
  });
  if (marker !== undefined) process.env['NODE_TEST_CONTEXT'] = marker;
  assert.equal(lastLine(totals), '2 passed, 1 failed');
  assert.match(printed.join('\n'), /broken here/);
});

test('a step is one line while it is good, and all its output when it is not', async () => {
  const printed: string[] = [];
  const print = (text: string): void => void printed.push(text);
  const step = (name: string, script: string) =>
    runStep({ name, command: 'sh', args: ['-c', script], cwd: root, print });
  assert.equal((await step('good', 'echo chatter')).good, true);
  assert.equal((await step('bad', 'echo reason; echo detail >&2; exit 3')).good, false);
  assert.match(printed[0] ?? '', /^ok {3}good {2}\d+ ms$/);
  assert.match(printed[1] ?? '', /^FAIL bad {2}\d+ ms$/);
  assert.match(printed[2] ?? '', /reason\ndetail|detail\nreason/);
  assert.equal(printed.length, 3);
});

test('long output is cut in the middle', () => {
  const text = Array.from({ length: 50 }, (_, at) => `line ${at}`).join('\n');
  assert.equal(middleCut(text, 50), text);
  const cut = middleCut(text, 10).split('\n');
  assert.equal(cut[0], 'line 0');
  assert.equal(cut[5], '... 40 lines left out ...');
  assert.equal(cut.at(-1), 'line 49');
});
