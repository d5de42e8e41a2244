import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { countCalls } from '../../bench/calls.ts';
import { Measurements, spread, type BenchResult } from '../../bench/measurement.ts';
import { markdownOf, textOf } from '../../bench/report.ts';
import { keep, newest } from '../../bench/results.ts';
import { stage } from '../../bench/history.ts';

const resultOf = (change: Partial<BenchResult>): BenchResult => ({
  ...{
    bench: 'boot',
    what: 'Machines.',
    startedAt: '2030-01-02T03:04:05.678Z',
    seconds: 61.4,
    commit: 'abc1234+',
  },
  computer: { processor: 'Z80', cores: 2, memoryGiB: 24, kernel: '6.1', system: 'Debian', node: '24.0.0' },
  ...{ load: { before: 0.5, after: 2.25 }, measurements: [], ...change },
});

test('min, median and max are of all values; the middle of an even number lies between two', () => {
  assert.equal(spread([]), undefined);
  assert.deepEqual(spread([3]), { min: 3, median: 3, max: 3 });
  assert.deepEqual(spread([10, 2, 9]), { min: 2, median: 9, max: 10 });
  assert.deepEqual(spread([4, 1, 3, 2]), { min: 1, median: 2.5, max: 4 });
});

test('values of one name are collected per group', () => {
  const figures = new Measurements();
  figures.add('whole', 1, { unit: 's', group: 'cold' });
  figures.add('whole', 2, { unit: 's', group: 'warm' });
  figures.add('whole', 3, { unit: 's', group: 'warm' });
  const found = figures.all().map(({ group, values }) => [group, values]);
  assert.deepEqual(found, [
    ['cold', [1]],
    ['warm', [2, 3]],
  ]);
});

test('a table shows ratios to the baseline, whether targets are met, and what was not measured', () => {
  const measurements = [
    { name: 'bare', unit: 's', values: [2, 4, 2] },
    { name: 'machine', unit: 's', values: [5], baseline: 'bare', target: 4 },
    { name: 'worker', unit: 'MiB', values: [349.6], target: 350 },
    { name: 'cold', unit: 's', values: [], note: 'elsewhere' },
  ] as const;
  const text = markdownOf(resultOf({ measurements }));
  assert.match(text, /2030-01-02 03:04 UTC, commit `abc1234\+`, took 61 s/);
  assert.match(text, /load average 0\.5 before and 2\.25 after/);
  assert.match(text, /^\| bare \| 3 \| 2\.00 s \| 2\.00 s \| 4\.00 s \|  \|  \|$/m);
  assert.match(text, /^\| machine \| 1 \| 5\.00 s \| 5\.00 s \| 5\.00 s \| 2\.50 \| MISSES 4\.00 s \|$/m);
  assert.match(text, /^\| worker \|.* \| within 350 MiB \|$/m);
  assert.match(text, /^\| cold \| 0 \|  \| unmeasured: elsewhere \|/m);
  assert.match(textOf(resultOf({ measurements })), /^boot: machine: 5\.00 s, MISSES 4\.00 s$/m);
});

test('of the results that were kept, the newest of each bench counts', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-results-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'below', 'results.jsonl');
  assert.equal(newest(file).size, 0);
  for (const [bench, seconds] of [
    ['boot', 1],
    ['pack', 2],
    ['boot', 3],
  ] as const)
    keep(resultOf({ bench, seconds }), file);
  assert.equal(newest(file).get('boot')?.seconds, 3);
  assert.equal(newest(file).get('pack')?.seconds, 2);
});

test('calls are counted by service and by what they do', () => {
  const actions = ['DescribeVpcs', 'DescribeSubnets', 'CreateVpc', 'DeleteVpc', 'ModifyVpcAttribute'];
  const calls = actions.map((action, sequence) => ({ sequence, service: 'ec2', action, status: 200 }));
  const counted = countCalls([...calls, { sequence: 9, service: 's3', action: 'GetObject', status: 404 }]);
  assert.deepEqual(
    [...counted],
    [
      ['ec2 read', 2],
      ['ec2 make', 1],
      ['ec2 remove', 1],
      ['ec2 change', 1],
      ['s3 read', 1],
    ],
  );
});

test('a stage lasts from the first scheduled to the last ended of its activities', () => {
  const activity = (type: string, from: number, to: number) => ({ type, summary: '', from, to, attempts: 1 });
  const activities = [activity('vpc.create', 1, 2), activity('vpc.ready', 2.5, 4), activity('sweep', 3, 9)];
  const operation = { workflowId: 'x', seconds: 9, events: 1, bytes: 1, activities };
  assert.equal(
    stage(operation, ({ type }) => type.startsWith('vpc.')),
    3,
  );
  assert.equal(
    stage(operation, () => false),
    undefined,
  );
});
