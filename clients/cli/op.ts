/** `zonewright op`: look at operations, answer their questions, hold or end them. */
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { ZonewrightContext } from '../contexts.ts';
import { ClientError } from '../errors.ts';
import { STATES } from '../states.ts';
import type { OperationSummary } from '../operations.ts';
import { withTemporal } from './connect.ts';
import { addAbortCommand, addControlCommand, addDecideCommands } from './op-decide.ts';
import { addExplainCommand, addShowCommand, summaryOfRecord, took } from './op-show.ts';
import { table, verb } from './output.ts';
import type { Output } from './output.ts';

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
    .addOption(new Option('--state <state>', 'in this state only').choices(STATES))
    .option('--limit <count>', 'at most so many', wholeNumber, 50)
    .action(
      verb(async (output, filter: ListOptions) => {
        const { listOperations } = await import('../operations.ts');
        const operations = await withTemporal(async ({ client, context }) => {
          const known = await listOperations(client, filter);
          return filter.all === true
            ? [...known, ...(await forgotten(output, context, known, filter))]
            : known;
        });
        const rows = operations.map((one) => [
          one.id,
          one.type,
          one.zone ?? '',
          one.state,
          one.actor ?? '',
          one.startedAt.slice(0, 19),
          took(one),
          shortened(one.headline ?? ''),
        ]);
        const head = ['id', 'type', 'zone', 'state', 'actor', 'started (UTC)', 'took', 'says'];
        const documents = operations.map(({ said: _said, ...one }) => one);
        output.result({ operations: documents }, rows.length > 0 ? table(head, rows) : 'No operation');
      }),
    );
}

/** Operations that Temporal no longer knows, from their records. */
async function forgotten(
  output: Output,
  context: ZonewrightContext,
  known: readonly OperationSummary[],
  { zone, type, state, limit }: ListOptions,
): Promise<OperationSummary[]> {
  const ids = new Set(known.map(({ operation }) => operation));
  const { withAws } = await import('../aws.ts');
  const { listRecords } = await import('../records.ts');
  const ask = withAws(context, (aws) => listRecords(aws, context.store.bucket, { limit }));
  const records = await ask.catch((error: unknown) => {
    if (!(error instanceof ClientError)) throw error;
    output.progress(`The zone store was not read for older operations: ${error.message}`);
    return [];
  });
  return records
    .filter((record) => !ids.has(record.operation))
    .map(summaryOfRecord)
    .filter(
      (one) =>
        (zone ?? one.zone) === one.zone &&
        (type ?? one.type) === one.type &&
        (state ?? one.state) === one.state,
    )
    .slice(0, Math.max(0, limit - known.length));
}

const shortened = (text: string): string => (text.length > 70 ? `${text.slice(0, 69)}…` : text);

function wholeNumber(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('Expected a whole number above 0.');
}
