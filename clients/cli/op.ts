/** `zonewright op`: look at operations, answer their questions, hold or end them. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Explained, OperationSummary } from '../operations.ts';
import { ClientError, EXIT } from '../errors.ts';
import { confirm } from './confirm.ts';
import { withTemporal } from './connect.ts';
import { reasonOption, withFollowOptions } from './operation-options.ts';
import { duration, table, verb } from './output.ts';
import { drawTree, PLAIN } from './progress-tree.ts';

export function addOpCommands(program: Command): void {
  const op = program.command('op').description('operations: look, decide, pause, abort');
  addListCommand(op);
  addShowCommand(op);
  addExplainCommand(op);
  addDecideCommands(op);
  for (const control of ['pause', 'resume'] as const) addControlCommand(op, control);
  addAbortCommand(op);
}

interface ListOptions {
  readonly zone?: string;
  readonly type?: string;
  readonly state?: string;
  readonly all?: boolean;
  readonly limit: number;
}

function addListCommand(op: Command): void {
  op.command('list')
    .description('operations that are open; with --all, also those that have ended')
    .option('--all', 'also those that have ended')
    .option('--zone <zone>', 'of this zone only')
    .option('--type <type>', 'of this type only, e.g. CreateZone')
    .option('--state <state>', 'running, waiting, blocked or undoing')
    .option('--limit <count>', 'at most so many', wholeNumber, 50)
    .action(
      verb(async (output, filter: ListOptions) => {
        const { listOperations } = await import('../operations.ts');
        const operations = await withTemporal(({ client }) => listOperations(client, filter));
        const rows = operations.map((one) => [
          one.id,
          one.type,
          one.zone ?? '',
          one.state,
          one.actor ?? '',
          one.startedAt.slice(0, 19),
          took(one),
        ]);
        const head = ['id', 'type', 'zone', 'state', 'actor', 'started (UTC)', 'took'];
        output.result({ operations }, rows.length > 0 ? table(head, rows) : 'No operation');
      }),
    );
}

const took = ({ startedAt, endedAt }: OperationSummary): string =>
  duration((endedAt === undefined ? Date.now() : Date.parse(endedAt)) - Date.parse(startedAt));

function addShowCommand(op: Command): void {
  withFollowOptions(op.command('show').argument('<id>'))
    .option('--follow', 'follow it until it ends')
    .description('steps of an operation, with times')
    .action(
      verb(async (output, id: string, options: { follow?: boolean; wait?: number }) => {
        const { describeOperation, progressOf } = await import('../operations.ts');
        return withTemporal(async ({ client }) => {
          const operation = await describeOperation(client, id);
          if (options.follow === true) {
            const { conclude, follow } = await import('./follow.ts');
            const outcome = await follow<unknown>(client, client.workflow.getHandle(id), options);
            return conclude(output, outcome, options, (result) => JSON.stringify(result, null, 2));
          }
          const progress = await progressOf(client, id);
          const steps = progress?.steps ?? [];
          const head = `${operation.id}  ${operation.type}  ${operation.state}  ${took(operation)}`;
          const tree = drawTree(steps, { colors: PLAIN, now: Date.now(), maxLines: Infinity });
          const lines =
            progress === undefined
              ? ['No worker answers; "zonewright op explain" says what it said last']
              : tree;
          output.result({ operation, steps }, [head, ...lines].join('\n'));
          return EXIT.done;
        });
      }),
    );
}

function addExplainCommand(op: Command): void {
  op.command('explain')
    .argument('<id>')
    .description('why it waits, until when, what happens then and what you can do')
    .action(
      verb(async (output, id: string) => {
        const { explainOperation } = await import('../operations.ts');
        const explained = await withTemporal(({ client }) => explainOperation(client, id));
        output.result(explained, await explainText(explained));
      }),
    );
}

async function explainText({ explanation, from, workerPolling }: Explained): Promise<string> {
  const { waitLines } = await import('./screen.ts');
  const { operation, type, zone, state, headline, actor, reason, youCan } = explanation;
  const lines = [
    `${operation} (${type}${zone === undefined ? '' : `, zone ${zone}`}): ${state}, ${headline}`,
  ];
  lines.push(`started by ${actor}${reason === '' ? '' : `: ${reason}`}`, ...waitLines(explanation));
  if (youCan.length > 0) lines.push(`you can: ${youCan.join(', ')}`);
  for (const { question, choice, actor: by, at } of explanation.decisions) {
    lines.push(`decided: ${question}: ${choice} (${by}, ${at.slice(0, 19)})`);
  }
  if (from === 'memo') {
    lines.push(
      workerPolling ? 'The worker did not answer; this is what the operation said last.' : NO_WORKER,
    );
  }
  return lines.join('\n');
}

const NO_WORKER = 'No worker is polling: nothing moves until one does. This is what the operation said last.';

/** Choices that have a verb of their own. */
const SHORTHANDS = ['approve', 'reject', 'retry', 'skip'] as const;

interface DecideOptions {
  readonly question?: string;
  readonly reason: string;
}

function addDecideCommands(op: Command): void {
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

type VerbOutput = Parameters<Parameters<typeof verb>[0]>[0];

async function decide(output: VerbOutput, id: string, choice: string, options: DecideOptions): Promise<void> {
  const { controlOperation, explainOperation } = await import('../operations.ts');
  await withTemporal(async ({ client }) => {
    const question = options.question ?? (await explainOperation(client, id)).explanation.question?.id;
    if (question === undefined) {
      throw new ClientError(EXIT.refused, `Cannot decide "${choice}": "${id}" asks nothing now`);
    }
    const answer = await controlOperation(client, id, 'decide', { question, choice, reason: options.reason });
    output.result({ operation: id, question, choice, answer }, answer);
  });
}

function addControlCommand(op: Command, control: 'pause' | 'resume'): void {
  op.command(control)
    .argument('<id>')
    .description(control === 'pause' ? 'hold it before its next step' : 'let it go on')
    .addOption(reasonOption())
    .action(verb((output, id: string, { reason }: { reason: string }) => send(output, id, control, reason)));
}

function addAbortCommand(op: Command): void {
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
  output: VerbOutput,
  id: string,
  control: 'pause' | 'resume' | 'abort',
  reason: string,
): Promise<void> {
  const { controlOperation } = await import('../operations.ts');
  const answer = await withTemporal(({ client }) => controlOperation(client, id, control, { reason }));
  output.result({ operation: id, control, answer }, answer);
}

function wholeNumber(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('Expected a whole number above 0.');
}
