/** The form that asks why, before a control is sent. */
import { z } from 'zod';
import { labelOf, wishSchema } from './buttons.ts';
import type { Wish } from './buttons.ts';
import { cut, escaped, inline } from './text.ts';

export const REASON_VIEW = 'reason';
const BLOCK = 'reason';
const INPUT = 'text';

/** What the form carries from the click to its submission. */
const carried = wishSchema.extend({
  channel: z.string(),
  /** Of the click: sent twice, it counts once. */
  request: z.string(),
});
export type Carried = z.output<typeof carried>;

const NEEDS_NO_REASON = new Set<Wish['control']>(['resume']);

export function reasonModal(wish: Carried): Record<string, unknown> {
  const { control, operation, choice } = wish;
  const what =
    choice === undefined
      ? `${labelOf(wish)} ${inline(operation)}`
      : `Decide ${inline(choice)} of ${inline(operation)}`;
  return {
    type: 'modal',
    callback_id: REASON_VIEW,
    private_metadata: JSON.stringify(wish),
    title: { type: 'plain_text', text: cut(labelOf(wish), 24) },
    submit: { type: 'plain_text', text: cut(labelOf(wish), 24) },
    close: { type: 'plain_text', text: 'Cancel' },
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: `${what}${CONSEQUENCE[control] ?? ''}` } },
      {
        type: 'input',
        block_id: BLOCK,
        optional: NEEDS_NO_REASON.has(control),
        label: { type: 'plain_text', text: 'Why? It is kept in the record.' },
        element: { type: 'plain_text_input', action_id: INPUT, max_length: 500, multiline: true },
      },
    ],
  };
}

const CONSEQUENCE: Readonly<Partial<Record<Wish['control'], string>>> = {
  pause: escaped(': what runs comes to its end, nothing new begins.'),
  abort: escaped(': what it has done is undone.'),
};

/** @throws {ZodError} when it is no form of ours */
export const carriedBy = (view: { readonly private_metadata: string }): Carried =>
  carried.parse(JSON.parse(view.private_metadata));

export const reasonOf = (state: {
  readonly values: Readonly<Record<string, Readonly<Record<string, { readonly value?: string | null }>>>>;
}): string => state.values[BLOCK]?.[INPUT]?.value?.trim() ?? '';
