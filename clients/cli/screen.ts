/** Where the progress of an operation is shown: redrawn in place on a terminal, a line per change elsewhere. */
import { createColors } from 'picocolors';
import { pausedBy } from '../../domain/explain.ts';
import type { Explanation, Progress, StepView } from '../../domain/explain.ts';
import { moment } from './moment.ts';
import { drawTree, MARKS, PLAIN } from './progress-tree.ts';
import type { Colors } from './progress-tree.ts';
import { duration } from './output.ts';

const ESC = String.fromCharCode(27);

export interface Screen {
  show(progress: Progress | undefined, explanation: Explanation | undefined): void;
  /** Leaves the last picture standing. */
  end(): void;
}

export const openScreen = (plain = false): Screen =>
  !plain && process.stderr.isTTY && process.env['TERM'] !== 'dumb' ? new LiveScreen() : new PlainScreen();

/** Colours for stderr: not with `NO_COLOR`, not without a terminal. */
export const stderrColors = (): Colors =>
  process.stderr.isTTY && !process.env['NO_COLOR'] ? createColors(true) : PLAIN;

/** What an operation waits for or asks, as lines; `when` says how a deadline is written. */
export function waitLines(
  { operation, waits, progress = [], question, paused }: Explanation,
  when = atUtc,
): string[] {
  const lines = waits.map(
    ({ what, since, until, then }) =>
      `waits for ${what} since ${moment(since)}${until ? `, until ${when(until)}` : ''}${then ? `; then ${then}` : ''}`,
  );
  lines.push(...progress);
  if (paused)
    lines.push(
      `paused by ${pausedBy(paused)} at ${moment(paused.since)}${paused.reason ? `: ${paused.reason}` : ''}`,
    );
  if (question) {
    lines.push(`asks: ${question.text}`);
    lines.push(`answer with: zonewright op decide ${operation} <${question.choices.join('|')}>`);
    lines.push(`without an answer until ${when(question.deadline)}: ${question.default}`);
  }
  return lines;
}

/** Says the same at every look, so that no line is written again only because time passes. */
const atUtc = (iso: string): string => `${moment(iso)} UTC`;

class LiveScreen implements Screen {
  #height = 0;

  show(progress: Progress | undefined, explanation: Explanation | undefined): void {
    const colors = stderrColors();
    const waits = explanation ? waitLines(explanation).map((line) => colors.yellow(`  ${line}`)) : [];
    const rows = Math.max(8, (process.stderr.rows || 24) - waits.length - 2);
    const tree = progress
      ? drawTree(progress.steps, { colors, now: Date.now(), maxLines: rows })
      : [colors.dim('no worker answers; the operation goes on as soon as one does')];
    this.#draw([...tree, ...waits]);
  }

  end(): void {
    this.#height = 0;
  }

  #draw(lines: readonly string[]): void {
    const width = process.stderr.columns || 80;
    const up = this.#height > 0 ? `${ESC}[${this.#height}A` : '';
    const text = lines.map((line) => `${ESC}[2K${cut(line, width)}\n`).join('');
    process.stderr.write(`${up}\r${text}${ESC}[J`);
    this.#height = lines.length;
  }
}

/** Cuts at the terminal's width; colour sequences take none of it. */
function cut(line: string, width: number): string {
  let room = width - 1;
  let out = '';
  for (const part of line.split(ESCAPES)) {
    if (part.startsWith(ESC)) out += part;
    else {
      out += part.slice(0, room);
      room = Math.max(0, room - part.length);
    }
  }
  return out;
}
const ESCAPES = new RegExp(`(${ESC}\\[\\d+m)`);

class PlainScreen implements Screen {
  readonly #states = new Map<string, StepView['state']>();
  #said = new Set<string>();

  show(progress: Progress | undefined, explanation: Explanation | undefined): void {
    for (const step of progress?.steps ?? []) this.#step(step);
    const lines = explanation ? waitLines(explanation) : [];
    for (const line of lines) if (!this.#said.has(line)) this.#write(`  ${line}`);
    this.#said = new Set(lines);
  }

  end(): void {
    this.#said.clear();
  }

  #step(step: StepView): void {
    if (step.state === 'waiting' || this.#states.get(step.step) === step.state) return;
    this.#states.set(step.step, step.state);
    const ended = step.state === 'done' || step.state === 'failed';
    const took =
      ended && step.startedAt !== undefined && step.endedAt !== undefined
        ? `  ${duration(Date.parse(step.endedAt) - Date.parse(step.startedAt))}`
        : '';
    const what = step.summary === step.step ? '' : `  ${step.summary}`;
    const error = step.error === undefined ? '' : `  ${step.error}`;
    this.#write(
      `${MARKS[step.state]} ${step.step}${what}${took}${step.made ? `  ${step.made}` : ''}${error}`,
    );
  }

  #write(line: string): void {
    process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
  }
}
