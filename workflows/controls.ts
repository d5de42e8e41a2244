import { ApplicationFailure, setHandler } from '@temporalio/workflow';
import { controlArgs, decideArgs, pausedBy, personName } from '../domain/explain.ts';
import type { Account } from './account.ts';
import {
  abortUpdate,
  decideUpdate,
  explainQuery,
  pauseUpdate,
  progressQuery,
  resumeUpdate,
  type ControlArgs,
} from './messages.ts';

const refuse = (message: string) => ApplicationFailure.nonRetryable(message, 'Declined');

/** Who has answered a question already, for one who comes late. */
function answered({ decisions }: Account, question: string): string {
  const decision = decisions.findLast((one) => one.question === question);
  return decision === undefined ? '' : `${personName(decision)} has decided "${decision.choice}" already, `;
}

/** Headline of an operation that was aborted. */
export const ABORTED = 'aborted: undoing what was done';

/** Answers `explain` and `progress`, and takes pause, resume, abort and decide. What makes no sense now is refused. */
export function installControls(account: Account, abort: () => void): void {
  let aborting = false;
  const ended = () => account.state === 'done' || account.state === 'failed';
  const mustBeOpen = () => {
    if (ended()) throw refuse(`Cannot change an operation that has ended (${account.state})`);
    if (account.state === 'undoing') throw refuse('Cannot change an operation while it undoes what it did');
  };
  const mustBeControl = (args: ControlArgs) => {
    if (!controlArgs.safeParse(args).success) throw refuse('Cannot take this: expected {actor, reason}');
    mustBeOpen();
  };
  setHandler(explainQuery, () => account.explain());
  setHandler(progressQuery, () => account.progress());
  setHandler(
    pauseUpdate,
    ({ actor, actorName, reason = '' }) => {
      account.paused = {
        by: actor,
        ...(actorName === undefined ? {} : { byName: actorName }),
        reason,
        since: new Date().toISOString(),
      };
      account.publish();
      return 'paused before its next step';
    },
    {
      validator: (args) => {
        mustBeControl(args);
        if (account.paused) throw refuse(`Cannot pause: paused already by ${pausedBy(account.paused)}`);
      },
    },
  );
  setHandler(
    resumeUpdate,
    () => {
      account.paused = undefined;
      account.publish();
      return 'resumed';
    },
    {
      validator: (args) => {
        mustBeControl(args);
        if (!account.paused) throw refuse('Cannot resume: it is not paused');
      },
    },
  );
  setHandler(
    abortUpdate,
    ({ actor, actorName, reason = '' }) => {
      aborting = true;
      account.decided({ question: 'abort', choice: 'abort', actor, actorName, reason });
      account.undoing(ABORTED);
      abort();
      return 'aborting: what was done is being undone';
    },
    {
      validator: (args) => {
        if (aborting && !ended()) throw refuse('Cannot abort: it is being aborted already');
        mustBeControl(args);
        if (account.noReturn !== undefined) throw refuse(`Cannot abort: ${account.noReturn}`);
      },
    },
  );
  setHandler(
    decideUpdate,
    ({ question, choice, reason = '', actor, actorName }) => {
      account.question = undefined; // a second answer is refused, also one that arrives together with this one
      account.decided({ question, choice, reason, actor, actorName });
      return `decided: ${choice}`;
    },
    {
      validator: (args) => {
        if (!decideArgs.safeParse(args).success)
          throw refuse('Cannot decide: expected {question, choice, reason, actor}');
        mustBeOpen();
        const { question } = account;
        if (question === undefined || question.id !== args.question) {
          throw refuse(
            `Cannot decide "${args.question}": ${question ? `the open question is "${question.id}"` : `${answered(account, args.question)}no question is open`}`,
          );
        }
        if (!question.choices.includes(args.choice)) {
          throw refuse(`Cannot decide "${args.choice}": expected ${question.choices.join(', ')}`);
        }
      },
    },
  );
}
