/** Options of verbs that change services. */
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { parse } from '../../domain/parse.ts';
import { rollOptionsSchema, type RollOptions } from '../../domain/services/roll.ts';
import { parseDuration, withZoneStartOptions, type StartOptions } from './operation-options.ts';

export interface ServiceOptions extends StartOptions {
  readonly plan?: boolean;
  readonly yes?: boolean;
  readonly batch?: number;
  readonly soak?: number;
  readonly giveUp?: number;
  readonly onFailure: 'ask' | 'roll-back' | 'keep';
}

export const withServiceOptions = (command: Command): Command =>
  withZoneStartOptions(command)
    .option('--plan', 'only say what would be done')
    .option('--yes', 'approve the plan as it is shown')
    .option('--batch <count>', 'start at most so many at the same time', wholeNumber)
    .option(
      '--soak <duration>',
      'how long the new ones must hold out before the old are forgotten',
      parseDuration,
    )
    .option('--give-up <duration>', 'how long each wait may take before it has failed', parseDuration)
    .addOption(
      new Option('--on-failure <what>', 'what to do then, where nobody shall be asked')
        .choices(['ask', 'roll-back', 'keep'])
        .default('ask'),
    );

export const rollOptionsOf = ({ batch, soak, giveUp }: ServiceOptions): RollOptions =>
  parse(
    rollOptionsSchema,
    {
      ...(batch === undefined ? {} : { batch }),
      ...(soak === undefined ? {} : { soakSeconds: Math.round(soak / 1_000) }),
      ...(giveUp === undefined
        ? {}
        : { giveUpSeconds: seconds(giveUp), progressSeconds: Math.min(120, seconds(giveUp)) }),
    },
    'the options',
  );

const seconds = (ms: number): number => Math.max(1, Math.round(ms / 1_000));

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number of at least 1.');
}
