import { ApplicationFailure, TemporalFailure, condition, workflowInfo } from '@temporalio/workflow';
import type { FailureType } from '../domain/errors.ts';
import type { Question } from '../domain/explain.ts';
import { type OperationRow, operations } from '../domain/operations.ts';
import { failureType, keeping, rootMessage } from './failure-types.ts';
import type { Operation } from './operation.ts';

export async function ask(
  operation: Operation,
  question: Pick<Question, 'id' | 'text' | 'choices' | 'default'>,
): Promise<string> {
  const { account, input } = operation;
  if (input.actor.startsWith('schedule:')) return question.default;
  // One question at a time: a person decides about one thing. Of several that wait, one gets its turn.
  while (account.question) await condition(() => account.question === undefined);
  if (operation.ending) throw operation.ending;
  const at = new Date();
  const deadline = new Date(at.getTime() + input.questionDeadlineMs).toISOString();
  const mine: Question = { ...question, askedAt: at.toISOString(), deadline };
  const before = account.decisions.length;
  const decision = () => account.decisions.slice(before).find((one) => one.question === mine.id);
  account.question = mine;
  account.publish();
  try {
    await condition(() => decision() !== undefined, input.questionDeadlineMs, {
      summary: `deadline of question: ${question.text}`.slice(0, 200),
    });
    return decision()?.choice ?? question.default;
  } finally {
    if (account.question === mine) account.question = undefined;
    account.publish();
  }
}

/** Ends an operation because a person, or the deadline of a question, said no. */
export const declined = (message: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(message, 'Declined');

async function askAboutFailure(operation: Operation, step: string, error: TemporalFailure): Promise<string> {
  const { account, input } = operation;
  // Past the point of no return there is nothing to roll back to.
  const back = account.noReturn === undefined;
  if (input.onFailure !== 'ask') return back ? input.onFailure : 'keep';
  if (input.actor.startsWith('schedule:')) return back ? 'roll-back' : 'keep';
  return operation.ask({
    id: account.nextQuestionId(),
    text: `"${step}" failed: ${firstLine(rootMessage(error))}`.slice(0, 500),
    choices: back ? ['retry', 'roll-back', 'keep'] : ['retry', 'keep'],
    default: back ? defaultOnFailure() : 'keep',
  });
}

/** What follows is evidence, such as a machine's last words; the step's error keeps all of it. */
const firstLine = (message: string): string => message.split('\n')[0] ?? '';

/** Creations roll back, destruction stops and keeps: the table of operations says which. */
function defaultOnFailure(): OperationRow['onFailure'] {
  const table: Readonly<Record<string, OperationRow>> = operations;
  return table[workflowInfo().workflowType]?.onFailure ?? 'roll-back';
}

/** Who stands in the way of whom is no question: no answer makes a lost lease or a zone that is there go away. */
const BEYOND_DECISION: readonly string[] = ['Conflict', 'Fenced'] satisfies FailureType[];

/** Returns when a failed step shall be tried again; otherwise ends the operation. */
export async function overcome(operation: Operation, step: string, error: TemporalFailure): Promise<void> {
  if (operation.ending) throw operation.ending;
  if (BEYOND_DECISION.includes(failureType(error)))
    throw (operation.ending = operation.account.noReturn === undefined ? error : keeping(error));
  const choice = await askAboutFailure(operation, step, error);
  if (choice === 'retry') return;
  throw (operation.ending = choice === 'keep' ? keeping(error) : error);
}
