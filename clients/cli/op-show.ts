/** `zonewright op show` and `op explain`: how far an operation is and why it waits. */
import type { Command } from 'commander';
import type { StepView } from '../../domain/explain.ts';
import type { ZonewrightContext } from '../contexts.ts';
import type { Explained } from '../controls.ts';
import { EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import type { OperationSummary } from '../operations.ts';
import type { OperationRecord } from '../records.ts';
import { withTemporal } from './connect.ts';
import type { Session } from './connect.ts';
import { withFollowOptions } from './operation-options.ts';
import { duration, verb } from './output.ts';
import type { Output } from './output.ts';
import { drawTree, PLAIN } from './progress-tree.ts';

export function addShowCommand(op: Command): void {
  withFollowOptions(op.command('show').argument('<id>'))
    .option('--follow', 'follow it until it ends')
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
  const { progressOf } = await import('../controls.ts');
  const { client, context } = session;
  const operation = await describeOperation(client, id).catch(async (error: unknown) => {
    const record = await findRecord(context, id);
    if (record === undefined) throw error;
    return record;
  });
  if ('workflowId' in operation) return showRecord(output, operation);
  if (options.follow === true) {
    const { conclude, follow } = await import('./follow.ts');
    const outcome = await follow<unknown>(client, client.workflow.getHandle(id), options);
    return conclude(output, outcome, options, (result) => JSON.stringify(result, null, 2));
  }
  const progress = await progressOf(client, id);
  const silent = 'No worker answers; "zonewright op explain" says what it said last';
  const lines = progress === undefined ? [silent] : tree(progress.steps);
  output.result({ operation, steps: progress?.steps ?? [] }, [headline(operation), ...lines].join('\n'));
  return EXIT.done;
}

const headline = (one: OperationSummary): string => `${one.id}  ${one.type}  ${one.state}  ${took(one)}`;
const tree = (steps: readonly StepView[]): string[] =>
  drawTree(steps, { colors: PLAIN, now: Date.now(), maxLines: Infinity });

/** The last record of an operation that Temporal does not know any more. */
async function findRecord(context: ZonewrightContext, id: string): Promise<OperationRecord | undefined> {
  const { withAws } = await import('../aws.ts');
  const { listRecords } = await import('../records.ts');
  // Without a store to ask there is no record either; that the operation is unknown is what matters then.
  const records = await withAws(context, (aws) =>
    listRecords(aws, context.store.bucket, { workflowId: id, limit: 1 }),
  ).catch(() => []);
  return records[0];
}

function showRecord(output: Output, record: OperationRecord): ExitCode {
  const operation = summaryOfRecord(record);
  const lines = [
    headline(operation),
    ...tree(record.steps),
    'from its record: Temporal does not know it any more',
  ];
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

/** A record as a line of `op list`. */
export function summaryOfRecord(record: OperationRecord): OperationSummary {
  const { workflowId: id, operation, type, input, startedAt, endedAt, outcome } = record;
  return {
    id,
    runId: operation.slice(id.length + 1),
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
