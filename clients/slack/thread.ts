/** What of an operation is worth a line in its thread: who decided what, what failed, how it ended. */
import { whoPaused, type Explanation, type Progress } from '../../domain/explain.ts';
import { code, date, escaped, inline, person } from './text.ts';

export interface ThreadLine {
  /** The same for the same event, whenever it is looked at. */
  readonly key: string;
  readonly text: string;
  readonly at: string;
}

/** Oldest first. */
export function threadOf(
  explanation: Explanation,
  progress: Progress | undefined,
  endedAt: string | undefined,
): ThreadLine[] {
  const lines = [
    ...failures(progress),
    ...questions(explanation),
    ...decisions(explanation),
    ...pauses(explanation),
    ...lateWaits(explanation),
  ].toSorted((a, b) => a.at.localeCompare(b.at));
  if (endedAt === undefined) return lines;
  const { state, headline } = explanation;
  const mark = state === 'done' ? ':white_check_mark:' : ':x:';
  const how = headline === state ? '' : `\n${code(headline)}`;
  return [...lines, { key: 'ended', at: endedAt, text: `${mark} ${state} ${date(endedAt)}${how}` }];
}

const failures = (progress: Progress | undefined): ThreadLine[] =>
  (progress?.steps ?? []).flatMap(({ step, state, error, endedAt }) =>
    (state === 'failed' || state === 'left') && endedAt !== undefined
      ? [
          {
            key: `failed:${step}:${endedAt}`,
            at: endedAt,
            text: `:x: ${inline(step)} failed ${date(endedAt)}\n${code(error ?? 'it did not say why')}`,
          },
        ]
      : [],
  );

const questions = ({ question }: Explanation): ThreadLine[] =>
  question === undefined
    ? []
    : [
        {
          key: `asked:${question.id}:${question.askedAt}`,
          at: question.askedAt,
          text: `:question: ${escaped(question.text)} (${question.choices.map(inline).join(', ')}; ${inline(question.default)} at ${date(question.deadline)})`,
        },
      ];

const decisions = ({ decisions: all }: Explanation): ThreadLine[] =>
  all.map(({ question, choice, reason, at, ...by }) => ({
    key: `decided:${question}:${at}`,
    at,
    text: `:ballot_box_with_check: ${person(by)} decided ${inline(choice)}${reason === '' ? '' : `: ${escaped(reason)}`}`,
  }));

const pauses = ({ paused }: Explanation): ThreadLine[] =>
  paused === undefined
    ? []
    : [
        {
          key: `paused:${paused.since}`,
          at: paused.since,
          text: `:double_vertical_bar: paused by ${person(whoPaused(paused))}${paused.reason === '' ? '' : `: ${escaped(paused.reason)}`}`,
        },
      ];

/** Blocked without a question: a progress deadline has passed. */
const lateWaits = ({ state, question, waits }: Explanation): ThreadLine[] =>
  state !== 'blocked' || question !== undefined
    ? []
    : waits.map(({ what, since }) => ({
        key: `late:${what}:${since}`,
        at: since,
        text: `:warning: nothing moves: it waits for ${escaped(what)} since ${date(since)}`,
      }));
