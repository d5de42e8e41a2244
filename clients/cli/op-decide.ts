/** `zonewright op decide`, `pause`, `resume`, `abort`: telling an operation what to do. */
import type { Command } from 'commander';
import { personName } from '../../domain/explain.ts';
import type { Explanation } from '../../domain/explain.ts';
import { ClientError, EXIT } from '../errors.ts';
import { confirm } from './confirm.ts';
import { withTemporal } from './connect.ts';
import { moment } from './moment.ts';
import { reasonOption } from './operation-options.ts';
import { verb } from './output.ts';
import type { Output } from './output.ts';

/** Choices that have a verb of their own. */
const SHORTHANDS = ['approve', 'reject', 'retry', 'skip'] as const;

interface DecideOptions {
  readonly question?: string;
  readonly reason: string;
}

export function addDecideCommands(op: Command): void {
  withQuestion(op.command('decide').argument('<id>').argument('<choice>'))
    .description('answer the question that an operation asks')
    .action(
      verb((output, id: string, choice: string, options: DecideOptions) =>
        decide(output, id, choice, options),
      ),
    );
  for (const choice of SHORTHANDS) {
    withQuestion(op.command(choice).argument('<id>'))
      .description(`decide ${choice}`)
      .action(verb((output, id: string, options: DecideOptions) => decide(output, id, choice, options)));
  }
}

const withQuestion = (command: Command): Command =>
  command
    .option('--question <id>', 'the question that is answered; by default the open one')
    .addOption(reasonOption());

async function decide(output: Output, id: string, choice: string, options: DecideOptions): Promise<void> {
  const { controlOperation, explainOperation } = await import('../controls.ts');
  await withTemporal(async ({ client }) => {
    const question =
      options.question ?? openQuestion((await explainOperation(client, id)).explanation, choice);
    const answer = await controlOperation(client, id, 'decide', { question, choice, reason: options.reason });
    output.result({ operation: id, question, choice, answer }, answer);
  });
}

/** @throws {ClientError} when there is none, saying who has answered the last one */
function openQuestion({ operation, state, question, decisions }: Explanation, choice: string): string {
  if (question !== undefined) return question.id;
  const last = decisions.at(-1);
  const ended = state === 'done' || state === 'failed' ? `it has ended (${state})` : 'it asks nothing now';
  const by =
    last === undefined ? '' : `; ${personName(last)} decided "${last.choice}" at ${moment(last.at)} UTC`;
  throw new ClientError(EXIT.refused, `Cannot decide "${choice}" of "${operation}": ${ended}${by}`);
}

export function addControlCommand(op: Command, control: 'pause' | 'resume'): void {
  op.command(control)
    .argument('<id>')
    .description(control === 'pause' ? 'hold it before its next step' : 'let it go on')
    .addOption(reasonOption())
    .action(verb((output, id: string, { reason }: { reason: string }) => send(output, id, control, reason)));
}

export function addAbortCommand(op: Command): void {
  op.command('abort')
    .argument('<id>')
    .description('end it and undo what it did')
    .option('--yes', 'do not ask')
    .addOption(reasonOption())
    .action(
      verb(async (output, id: string, { reason, yes }: { reason: string; yes?: boolean }) => {
        await confirm(output, { question: `Abort "${id}" and undo what it did?`, yes });
        await send(output, id, 'abort', reason);
      }),
    );
}

async function send(
  output: Output,
  id: string,
  control: 'pause' | 'resume' | 'abort',
  reason: string,
): Promise<void> {
  const { controlOperation } = await import('../controls.ts');
  const answer = await withTemporal(({ client }) => controlOperation(client, id, control, { reason }));
  output.result({ operation: id, control, answer }, answer);
}
