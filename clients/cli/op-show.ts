/** `zonewright op show` and `op explain`: how far an operation is and why it waits. */
import type { Command } from 'commander';
import { personName } from '../../domain/explain.ts';
import type { StepView } from '../../domain/explain.ts';
import type { ZonewrightContext } from '../contexts.ts';
import type { Explained } from '../controls.ts';
import { EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import type { OperationSummary } from '../operations.ts';
import type { OperationRecord } from '../records.ts';
import { withTemporal } from './connect.ts';
import type { Session } from './connect.ts';
import { deadline, moment } from './moment.ts';
import { withFollowOptions } from './operation-options.ts';
import { duration, verb } from './output.ts';
import type { Output } from './output.ts';
import { drawTree, PLAIN } from './progress-tree.ts';

export function addShowCommand(op: Command): void {
  withFollowOptions(op.command('show').argument('<id>'))
    .option('--follow', 'follow it until it ends; so does --wait')
    .description('steps of an operation, with times')
    .action(
      verb(async (output, id: string, options: ShowOptions) => {
        return withTemporal((session) => show(session, output, id, options));
      }),
    );
}

interface ShowOptions {
  readonly follow?: boolean;
  readonly wait?: number;
}

async function show(session: Session, output: Output, id: string, options: ShowOptions): Promise<ExitCode> {
  const { describeOperation } = await import('../operations.ts');
  const { client, context } = session;
  const operation = await describeOperation(client, id).catch(async (error: unknown) => {
    const record = await findRecord(context, id);
    if (record === undefined) throw error;
    return record;
  });
  if ('workflowId' in operation) return showRecord(output, operation, FORGOTTEN);
  if (options.follow === true || options.wait !== undefined) {
    const { conclude, follow } = await import('./follow.ts');
    const outcome = await follow<unknown>(client, client.workflow.getHandle(id), options);
    return conclude(output, outcome, options, (result) => JSON.stringify(result, null, 2));
  }
  return showKnown(session, output, operation);
}

async function showKnown({ client, context }: Session, output: Output, known: OperationSummary) {
  const { said: _said, ...operation } = known;
  const { progressOf } = await import('../controls.ts');
  const { endedWith } = await import('../outcome.ts');
  const { id, endedAt } = operation;
  const progress = await progressOf(client, id);
  if (progress === undefined && endedAt !== undefined) {
    const record = await findRecord(context, id);
    if (record !== undefined) return showRecord(output, record, UNANSWERED);
  }
  const error = endedAt === undefined ? undefined : await endedWith(client, id);
  const silent =
    endedAt === undefined
      ? 'No worker answers; "zonewright op explain" says what it said last'
      : 'No worker answers, and it has left no record';
  const lines = progress === undefined ? [silent] : tree(progress.steps);
  if (error !== undefined) lines.push(`error: ${error.message}`);
  output.result(
    { operation, steps: progress?.steps ?? [], ...(error === undefined ? {} : { error }) },
    [headline(operation), ...lines].join('\n'),
  );
  return EXIT.done;
}

const headline = (one: OperationSummary): string => `${one.id}  ${one.type}  ${one.state}  ${took(one)}`;
const tree = (steps: readonly StepView[]): string[] =>
  drawTree(steps, { colors: PLAIN, now: Date.now(), maxLines: Infinity });

/** The last record of an operation. */
async function findRecord(context: ZonewrightContext, id: string): Promise<OperationRecord | undefined> {
  const { withAws } = await import('../aws.ts');
  const { listRecords } = await import('../records.ts');
  // Without a store to ask there is no record either; that the operation is unknown is what matters then.
  const records = await withAws(context, (aws) =>
    listRecords(aws, context.store.bucket, { workflowId: id, limit: 1 }),
  ).catch(() => []);
  return records[0];
}

const FORGOTTEN = 'from its record: Temporal does not know it any more';
const UNANSWERED = 'from its record: no worker answers';

function showRecord(output: Output, record: OperationRecord, from: string): ExitCode {
  const operation = summaryOfRecord(record);
  const lines = [headline(operation), ...tree(record.steps), from];
  if (record.error !== undefined) lines.push(`error: ${record.error}`);
  output.result({ operation, steps: record.steps, record }, lines.join('\n'));
  return EXIT.done;
}

export function addExplainCommand(op: Command): void {
  op.command('explain')
    .argument('<id>')
    .description('why it waits, until when, what happens then and what you can do')
    .action(
      verb(async (output, id: string) => {
        const { explainOperation } = await import('../controls.ts');
        const explained = await withTemporal(({ client }) => explainOperation(client, id));
        output.result(explained, await explainText(explained));
      }),
    );
}

async function explainText({ explanation, from, unpolled }: Explained): Promise<string> {
  const { waitLines } = await import('./screen.ts');
  const { operation, type, zone, state, headline, reason, youCan } = explanation;
  const says = headline === state ? state : `${state}, ${headline}`;
  const lines = [`${operation} (${type}${zone === undefined ? '' : `, zone ${zone}`}): ${says}`];
  lines.push(
    `started by ${personName(explanation)}${reason === '' ? '' : `: ${reason}`}`,
    // What it asks is in the first line already.
    ...waitLines(explanation, deadline).filter((line) => line !== headline),
  );
  if (youCan.length > 0) lines.push(`you can: ${youCan.join(', ')}`);
  for (const { question, choice, at, reason: why, ...by } of explanation.decisions) {
    lines.push(
      `decided: ${question}: ${choice} (${personName(by)}, ${moment(at)}${why === '' ? '' : `: ${why}`})`,
    );
  }
  for (const queue of unpolled) {
    lines.push(`No worker polls "${queue}": what waits there does not move until one does.`);
  }
  if (from === 'memo') lines.push('No worker answered; this is what the operation said last.');
  return lines.join('\n');
}

/** A record as a line of `op list`. */
export function summaryOfRecord(record: OperationRecord): OperationSummary {
  const { workflowId: id, operation, type, input, startedAt, endedAt, outcome } = record;
  return {
    id,
    runId: operation.slice(id.length + 1),
    operation,
    type,
    ...(input.zone === undefined ? {} : { zone: input.zone }),
    ...(input.actor === undefined ? {} : { actor: input.actor }),
    state: outcome ?? 'unknown',
    startedAt,
    ...(endedAt === undefined ? {} : { endedAt }),
  };
}

/** How long it took, or has taken so far. */
export const took = ({ startedAt, endedAt }: OperationSummary): string =>
  duration((endedAt === undefined ? Date.now() : Date.parse(endedAt)) - Date.parse(startedAt));
