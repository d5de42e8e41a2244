/** The message of an operation: its state, what it waits for or asks, its steps, and what can be done. */

import {
  whoPaused,
  type Explanation,
  type OperationState,
  type Progress,
  type Question,
  type Wait,
} from '../../domain/explain.ts';
import { drawTree, PLAIN } from '../cli/progress-tree.ts';
import { buttonsOf } from './buttons.ts';
import { code, cut, date, escaped, inline, person } from './text.ts';

export interface View {
  readonly explanation: Explanation;
  readonly progress: Progress | undefined;
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
  /** Address of the operation in the Temporal UI. */
  readonly link?: string | undefined;
}

const MARKS: Readonly<Record<OperationState, string>> = {
  running: ':arrow_forward:',
  waiting: ':hourglass_flowing_sand:',
  blocked: ':warning:',
  undoing: ':leftwards_arrow_with_hook:',
  done: ':white_check_mark:',
  failed: ':x:',
};

const LINES = 18;
const section = (text: string): object => ({
  type: 'section',
  text: { type: 'mrkdwn', text: cut(text, 3_000) },
});

/** Text for notifications, and the blocks. The same view gives the same blocks, whenever it is drawn. */
export function messageOf(view: View): { readonly text: string; readonly blocks: object[] } {
  const { explanation, progress, endedAt } = view;
  const { operation, type, zone, state, headline, waits, question, paused } = explanation;
  const title = `${MARKS[state]} *${type}* ${inline(operation)}${zone === undefined ? '' : ` in *${escaped(zone)}*`}: *${state}*`;
  const ended = endedAt !== undefined;
  const buttons = ended ? [] : buttonsOf(explanation);
  const says = [
    ...(waits.length === 0 && question === undefined && headline !== state ? [escaped(headline)] : []),
    ...waits.map(waitText),
    ...(paused ? [`paused by ${person(whoPaused(paused))}, ${date(paused.since)}${why(paused.reason)}`] : []),
    ...(question ? [questionText(question)] : []),
  ];
  return {
    text: cut(`${type} ${operation}: ${state}${headline === state ? '' : `, ${headline}`}`, 1_000),
    blocks: [
      section(title),
      ...(says.length === 0 ? [] : [section(says.join('\n'))]),
      ...stepsBlock(progress),
      ...(buttons.length === 0 ? [] : [{ type: 'actions', elements: buttons.slice(0, 25) }]),
      { type: 'context', elements: [{ type: 'mrkdwn', text: aboutText(view) }] },
    ],
  };
}

const why = (reason: string): string => (reason === '' ? '' : `: ${escaped(reason)}`);

const waitText = ({ what, since, until, then }: Wait): string =>
  [
    `waits for *${escaped(what)}* since ${date(since)}`,
    until === undefined ? '' : `, until ${date(until)}`,
    then === undefined ? '' : `; then ${escaped(then)}`,
  ].join('');

const questionText = ({ text, deadline, default: fallback }: Question): string =>
  `:question: *${escaped(text)}*\nwithout an answer until ${date(deadline)}: ${inline(fallback)}`;

/** What runs is drawn without its time, which would change with every look. */
function stepsBlock(progress: Progress | undefined): object[] {
  if (progress === undefined || progress.steps.length === 0) return [];
  const lines = drawTree(progress.steps, { colors: PLAIN, maxLines: LINES });
  return [section(code(lines.map((line) => cut(line, 140)).join('\n')))];
}

function aboutText({ explanation, startedAt, endedAt, link }: View): string {
  const parts = [
    `started by ${person(explanation)} ${date(startedAt)}${why(cut(explanation.reason, 500))}`,
    ...(endedAt === undefined ? [] : [`ended ${date(endedAt)}`]),
    ...(link === undefined ? [] : [`<${link}|Temporal UI>`]),
  ];
  return cut(parts.join(' · '), 2_000);
}
