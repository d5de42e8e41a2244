/** Draws the steps of an operation as a tree: groups by the part of a step's name before the slash, with times. */
import type { StepView } from '../../domain/explain.ts';
import { duration } from './output.ts';

export interface Colors {
  readonly green: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly dim: (text: string) => string;
}

export const PLAIN: Colors = { green: String, red: String, yellow: String, dim: String };

export interface TreeOptions {
  readonly colors: Colors;
  /** Now, milliseconds since the epoch: what runs is shown with its time so far; without it, with none. */
  readonly now?: number;
  /** Lines that fit; finished groups are folded first, then what waits is left out. */
  readonly maxLines: number;
}

export const MARKS: Readonly<Record<StepView['state'], string>> = {
  waiting: '·',
  running: '▸',
  done: '✓',
  failed: '✗',
  undoing: '↶',
  undone: '−',
  left: '!',
};

interface Group {
  readonly name: string;
  readonly steps: readonly StepView[];
}

/** Lines of the tree, none of them longer than the caller cuts it. */
export function drawTree(steps: readonly StepView[], options: TreeOptions): string[] {
  const groups = groupsOf(steps);
  const open = groups.flatMap((group) => groupLines(group, options, false));
  if (open.length <= options.maxLines) return open;
  const folded = groups.flatMap((group) => groupLines(group, options, stateOf(group.steps) === 'done'));
  if (folded.length <= options.maxLines) return folded;
  const closed = groups.flatMap((group) => groupLines(group, options, stateOf(group.steps) !== 'running'));
  if (closed.length <= options.maxLines) return closed;
  return [
    ...closed.slice(0, options.maxLines - 1),
    options.colors.dim(`  … ${closed.length - options.maxLines + 1} more`),
  ];
}

function groupsOf(steps: readonly StepView[]): Group[] {
  const groups = new Map<string, StepView[]>();
  for (const step of steps) {
    const [name = ''] = step.step.split('/');
    groups.set(name, [...(groups.get(name) ?? []), step]);
  }
  return [...groups].map(([name, members]) => ({ name, steps: members }));
}

function groupLines({ name, steps }: Group, options: TreeOptions, folded: boolean): string[] {
  const [only] = steps;
  if (steps.length === 1 && only) return [stepLine(only, options, only.step, '')];
  const done = steps.filter((step) => step.state === 'done').length;
  const state = stateOf(steps);
  const count = done === steps.length ? `${done}` : `${done} of ${steps.length}`;
  const head = `${paint(state, MARKS[state], options.colors)} ${name} ${options.colors.dim(`(${count}) ${spanOf(steps, options.now)}`)}`;
  if (folded) return [head.trimEnd()];
  return [
    head.trimEnd(),
    ...steps.map((step) => stepLine(step, options, step.step.slice(name.length + 1), '  ')),
  ];
}

function stepLine(step: StepView, { colors, now }: TreeOptions, name: string, indent: string): string {
  const mark = paint(step.state, MARKS[step.state], colors);
  const about = step.summary === step.step ? '' : `  ${step.summary}`;
  const time = spanOf([step], now);
  const made = step.made === undefined || step.made === '' ? '' : `  ${step.made}`;
  const error =
    step.error === undefined || step.state !== 'failed'
      ? ''
      : `  ${colors.red(step.error.split('\n')[0] ?? '')}`;
  return `${indent}${mark} ${name}${about}${colors.dim(`${time === '' ? '' : `  ${time}`}${made}`)}${error}`;
}

/** What a group is as a whole: the state of its members that says most. */
function stateOf(steps: readonly StepView[]): StepView['state'] {
  const order: readonly StepView['state'][] = ['left', 'failed', 'undoing', 'running'];
  const worst = order.find((state) => steps.some((step) => step.state === state));
  if (worst !== undefined) return worst;
  const [first] = steps;
  if (first && steps.every((step) => step.state === first.state)) return first.state;
  return steps.some((step) => step.state === 'done') ? 'running' : 'waiting';
}

function spanOf(steps: readonly StepView[], now: number | undefined): string {
  const runs = steps.some(({ startedAt, endedAt }) => startedAt !== undefined && endedAt === undefined);
  if (runs && now === undefined) return '';
  const starts = steps.flatMap(({ startedAt }) => (startedAt === undefined ? [] : [Date.parse(startedAt)]));
  if (starts.length === 0) return '';
  const ends = steps.map(({ startedAt, endedAt }) => {
    if (endedAt !== undefined) return Date.parse(endedAt);
    return startedAt === undefined ? 0 : (now ?? 0);
  });
  return duration(Math.max(0, Math.max(...ends) - Math.min(...starts)));
}

export function paint(state: StepView['state'], text: string, colors: Colors): string {
  if (state === 'done') return colors.green(text);
  if (state === 'failed' || state === 'left') return colors.red(text);
  if (state === 'waiting' || state === 'undone') return colors.dim(text);
  return colors.yellow(text);
}
