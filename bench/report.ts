/** Renders the newest results to `docs/benchmarks.md`. Also a program: `node bench/report.ts`. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCHES } from './benches.ts';
import { spread, type BenchResult, type Measurement, type Unit } from './measurement.ts';
import { newest, resultsFile } from './results.ts';

const ROOT = join(import.meta.dirname, '..');
const DOCUMENT = join(ROOT, 'docs/benchmarks.md');

const HEAD = `# Benchmarks

Measured by \`npm run bench\`, rendered from its results by \`bench/report.ts\`; never asserted by a test. Machines are noisy: each
table says how loaded the computer was, and ratios compare with a baseline that was measured in the same run. Where something
was measured more than once, min, median and max are of all its values. A target is the largest median that is good enough.
All AWS here is the sandbox's, not yet run on AWS.

What no faster computer shortens, because the sandbox copies it from AWS or the work must be sure: EC2 sees a new instance
profile after 15 s (once in a bake, once in a zone); a NAT gateway takes 2 s, an image 1.5 s; a clean-up is proven by two looks,
apart by the time that a late request may still need (request time-out and consistency window: 10 s in the sandbox).
`;

/** @returns path of the document, in which the benches stand as in their table */
export function writeReport(file = resultsFile()): string {
  const results = newest(file);
  const known = BENCHES.flatMap(({ name }) => results.get(name) ?? []);
  writeFileSync(DOCUMENT, [HEAD, ...known.map((result) => markdownOf(result))].join('\n'));
  execFileSync(join(ROOT, 'node_modules/.bin/prettier'), ['--write', '--log-level', 'warn', DOCUMENT]);
  return 'docs/benchmarks.md';
}

/** For a terminal: name, median, and how it compares. */
export const textOf = ({ bench, measurements }: BenchResult): string =>
  measurements
    .map((each) => {
      const median = spread(each.values)?.median;
      const where = each.group === undefined ? bench : `${bench} / ${each.group}`;
      const figure = median === undefined ? 'unmeasured' : show(median, each.unit);
      return `${where}: ${[`${each.name}: ${figure}`, targetText(each)].filter(Boolean).join(', ')}`;
    })
    .join('\n');

/** One section of the document. */
export function markdownOf(result: BenchResult): string {
  const { bench, what, startedAt, seconds, commit, computer, load, measurements } = result;
  const { processor, cores, memoryGiB, system, kernel, node } = computer;
  const facts = [
    `${startedAt.slice(0, 16).replace('T', ' ')} UTC, commit \`${commit}\`, took ${Math.round(seconds)} s`,
    `${cores} × ${processor}, ${memoryGiB} GiB, ${system} (Linux ${kernel}), Node ${node}`,
    `load average ${load.before} before and ${load.after} after`,
  ];
  const groups = Map.groupBy(measurements, ({ group }) => group ?? '');
  const tables = [...groups].map(
    ([group, of]) => `${group === '' ? '' : `### ${group}\n\n`}${tableOf(of, measurements)}`,
  );
  return [`## ${bench}\n`, `${what}\n`, `${facts.join('; ')}.\n`, ...tables].join('\n');
}

function tableOf(rows: readonly Measurement[], all: readonly Measurement[]): string {
  const withTarget = rows.some(({ target }) => target !== undefined);
  const withRatio = rows.some(({ baseline }) => baseline !== undefined);
  const head = [
    '',
    'n',
    'min',
    'median',
    'max',
    ...(withRatio ? ['× baseline'] : []),
    ...(withTarget ? ['target'] : []),
  ];
  const lines = rows.map((row) => {
    const found = spread(row.values);
    const numbers = found
      ? [
          String(row.values.length),
          ...[found.min, found.median, found.max].map((value) => show(value, row.unit)),
        ]
      : ['0', '', `unmeasured${row.note === undefined ? '' : `: ${row.note}`}`, ''];
    return [
      row.name,
      ...numbers,
      ...(withRatio ? [ratioText(row, all)] : []),
      ...(withTarget ? [targetText(row)] : []),
    ];
  });
  const rule = head.map((_, index) => (index === 0 ? '---' : '--:'));
  return `${[head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

function ratioText({ baseline, group, values }: Measurement, all: readonly Measurement[]): string {
  const below = spread(all.find((one) => one.name === baseline && one.group === group)?.values ?? [])?.median;
  const own = spread(values)?.median;
  return below === undefined || own === undefined ? '' : significant(own / below);
}

function targetText({ target, unit, values }: Measurement): string {
  const median = spread(values)?.median;
  if (target === undefined || median === undefined) return '';
  return `${median <= target ? 'within' : 'MISSES'} ${show(target, unit)}`;
}

const show = (value: number, unit: Unit): string =>
  `${unit === 'calls' || unit === 'events' ? Math.round(value) : significant(value)}${unit === 'calls' || unit === 'events' ? '' : ` ${unit}`}`;

const significant = (value: number): string =>
  value >= 100 ? String(Math.round(value)) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

if (import.meta.main) process.stdout.write(`${writeReport()}\n`);
