/** What the bot says to one person only. */
import { describeError } from '../cli/failures.ts';
import type { OperationRequest } from '../requests.ts';
import { code, escaped, inline } from './text.ts';

export const START_ACTION = 'start';
export const DROP_ACTION = 'drop';

/** What went wrong, in the words of the command line. */
export function refusalText(error: unknown): string {
  const { message, expectation, causes } = describeError(error);
  const lines = [`:no_entry: ${escaped(message)}`];
  if (expectation !== undefined) lines.push(`expected: ${escaped(expectation)}`);
  for (const cause of causes) lines.push(`because: ${escaped(cause)}`);
  return lines.join('\n');
}

/** A plan with the button that approves it; `value` comes back with the click. */
export function planBlocks({ id, question, plan }: OperationRequest, value: string, note?: string): object[] {
  const section = (text: string): object => ({ type: 'section', text: { type: 'mrkdwn', text } });
  return [
    ...(note === undefined ? [] : [section(note)]),
    section(`*${escaped(question)}*\n${inline(id)}`),
    section(code(plan)),
    {
      type: 'actions',
      elements: [
        {
          type: 'button',
          action_id: START_ACTION,
          style: 'primary',
          text: { type: 'plain_text', text: 'Start' },
          value,
        },
        { type: 'button', action_id: DROP_ACTION, text: { type: 'plain_text', text: 'Leave it' } },
      ],
    },
  ];
}
