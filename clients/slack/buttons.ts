/** The buttons of an operation's message, and what a click says of itself. */
import { z } from 'zod';
import type { Explanation } from '../../domain/explain.ts';
import { cut } from './text.ts';

/** What a button asks of an operation. */
export const wishSchema = z.strictObject({
  control: z.enum(['decide', 'pause', 'resume', 'abort']),
  operation: z.string().min(1),
  type: z.string().min(1),
  question: z.string().optional(),
  choice: z.string().optional(),
});
export type Wish = z.output<typeof wishSchema>;

/** Action ids begin so; what follows makes them differ within a message. */
export const CONTROL_ACTION = 'control:';

/** One for each thing that the operation says can be done now. */
export function buttonsOf(explanation: Explanation): object[] {
  const { operation, type, question, youCan } = explanation;
  return youCan.flatMap((what) => {
    const [control = '', ...rest] = what.split(' ');
    const choice = rest.join(' ');
    const wish = wishSchema.safeParse({
      control,
      operation,
      type,
      ...(control === 'decide' ? { question: question?.id, choice } : {}),
    });
    // Where the question has an answer that ends it, one button of this name is enough.
    const answered = control !== 'decide' && question?.choices.includes(control) === true;
    return wish.success && !answered ? [button(wish.data)] : [];
  });
}

function button(wish: Wish): object {
  const { control, choice } = wish;
  const style = STYLES[choice ?? control];
  return {
    type: 'button',
    action_id: `${CONTROL_ACTION}${control}:${choice ?? ''}`,
    text: { type: 'plain_text', text: cut(labelOf(wish), 75) },
    value: JSON.stringify(wish),
    ...(style === undefined ? {} : { style }),
  };
}

export function labelOf({ control, choice }: Wish): string {
  const text = (choice ?? control).replaceAll('-', ' ');
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

const STYLES: Readonly<Record<string, 'primary' | 'danger'>> = {
  approve: 'primary',
  retry: 'primary',
  resume: 'primary',
  abort: 'danger',
};
