/** Options that every verb has which starts or follows an operation. */
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import ms from 'ms';

export interface StartOptions {
  readonly detach?: boolean;
  readonly wait?: number;
  readonly reason: string;
  /** Not to stand in line when another operation holds the zone. */
  readonly ifFree?: boolean;
}

export function withStartOptions(command: Command): Command {
  return withFollowOptions(command)
    .option('--detach', 'return the id of the operation at once')
    .addOption(reasonOption());
}

/** Of verbs that change a zone: operations on one zone are admitted one at a time. */
export const withZoneStartOptions = (command: Command): Command =>
  withStartOptions(command).option(
    '--if-free',
    'be refused when another operation holds the zone, instead of standing in line',
  );

export const withFollowOptions = (command: Command): Command =>
  command.option('--wait <duration>', 'stop following after this long, e.g. 10m; exit code 4', parseDuration);

export const reasonOption = (): Option =>
  new Option('--reason <text>', 'why; kept in the record').default('', 'none');

export function parseDuration(text: string): number {
  const value = /^\d+(\.\d+)?\s*[a-z]+$/i.test(text) ? ms(text as ms.StringValue) : Number.NaN;
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a duration, e.g. 30s, 10m, 2h.');
}
