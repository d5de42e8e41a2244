/** What can be started from Slack: one row for each command, with the same plans as on the command line. */
import { join } from 'node:path';
import type { Session } from '../cli/connect.ts';
import { ClientError, EXIT } from '../errors.ts';
import { operationRequest } from '../requests.ts';
import type { OperationRequest } from '../requests.ts';
import type { SlackPolicy } from './policy.ts';
import type { Words } from './words.ts';

export interface StartCommand {
  /** Noun and verb. */
  readonly name: string;
  /** What follows them, e.g. `<zone> <machine>`; as many words as it has in angle brackets are needed. */
  readonly takes: string;
  /** Options that it knows beside `--reason`. */
  readonly options?: readonly string[];
  /** Checked against the policy before anything is prepared. */
  readonly type: string;
  /** Makes the plan; changes nothing. */
  prepare(session: Session, args: CommandArgs): Promise<OperationRequest>;
}

export interface CommandArgs {
  readonly words: readonly string[];
  readonly options: Words['options'];
  readonly policy: SlackPolicy;
}

export const COMMANDS: readonly StartCommand[] = [
  {
    name: 'service roll',
    takes: '<zone> <service>',
    options: ['image'],
    type: 'RollingServiceUpdate',
    prepare: async ({ context }, { words: [zone = '', service = ''], options }) => {
      const { prepareRoll } = await import('../cli/service-roll.ts');
      const image = options.get('image');
      if (image === undefined) {
        throw new ClientError(EXIT.usage, `Cannot roll "${service}": nothing says to what`, {
          expectation: '--image <image>, or --image <container>=<image>,…',
        });
      }
      return prepareRoll(context, zone, service, image.split(','));
    },
  },
  {
    name: 'node join',
    takes: '<zone> [role]',
    options: ['pool'],
    type: 'NodeJoin',
    prepare: async ({ context }, { words: [zone = '', role = 'worker'], options }) => {
      const { prepareJoin } = await import('../cli/node-join.ts');
      const pool = options.get('pool');
      const which = pool === undefined ? {} : { pool: wholeNumber('pool', pool) };
      return prepareJoin(zone, { role, ...which }, context.store.bucket);
    },
  },
  {
    name: 'node remove',
    takes: '<zone> <machine>',
    options: ['force', 'last'],
    type: 'NodeRemove',
    prepare: async (session, { words: [zone = '', machine = ''], options }) => {
      const { prepareRemove } = await import('../cli/node-remove.ts');
      const given = { force: flag(options, 'force'), last: flag(options, 'last') };
      return prepareRemove(session, zone, machine, given);
    },
  },
  {
    name: 'etcd backup',
    takes: '<zone>',
    type: 'EtcdBackupRestore',
    prepare: async ({ context }, { words: [zone = ''] }) =>
      (await import('../cli/etcd-request.ts')).prepareBackup(context, zone),
  },
  { name: 'image bake', takes: '<recipe>', type: 'BakeAmi', prepare: prepareBake },
];

/**
 * The command that these words name, and its arguments.
 *
 * @throws {ClientError} saying what there is, or what the command takes
 */
export function findCommand(
  commands: readonly StartCommand[],
  { words, options }: Words,
): { readonly command: StartCommand; readonly args: readonly string[] } {
  const name = words.slice(0, 2).join(' ');
  const command = commands.find((one) => one.name === name);
  if (command === undefined) {
    throw new ClientError(EXIT.usage, `There is no command "${name}" in Slack`, {
      expectation: [...commands.map((one) => `"${one.name}"`), 'or "help"'].join(', '),
    });
  }
  const args = words.slice(2);
  const known = ['reason', ...(command.options ?? [])];
  const unknown = [...options.keys()].find((option) => !known.includes(option));
  const usage = usageOf(command);
  if (unknown !== undefined) {
    throw new ClientError(EXIT.usage, `"${name}" knows no option "--${unknown}"`, { expectation: usage });
  }
  const needed = command.takes.match(/<[^>]+>/g)?.length ?? 0;
  const most = needed + (command.takes.match(/\[[^\]]+\]/g)?.length ?? 0);
  if (args.length < needed || args.length > most) {
    const count = args.length === 1 ? '1 word follows' : `${args.length} words follow`;
    throw new ClientError(EXIT.usage, `${count} "${name}"`, { expectation: usage });
  }
  return { command, args };
}

export const usageOf = ({ name, takes, options = [] }: StartCommand): string =>
  [`/zonewright ${name} ${takes}`, ...options.map((option) => `[--${option} …]`), '[--reason "…"]'].join(' ');

function wholeNumber(option: string, text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new ClientError(EXIT.usage, `Cannot use --${option} "${text}"`, { expectation: 'a whole number' });
}

function flag(options: Words['options'], name: string): boolean {
  const value = options.get(name);
  if (value === undefined || value === 'true') return value !== undefined;
  throw new ClientError(EXIT.usage, `"--${name}" takes no value, found "${value}"`, {
    expectation: 'words first, then options',
  });
}

/** Recipes are those of the bot's own folder: a path from elsewhere is none. */
async function prepareBake({ context }: Session, { words, policy }: CommandArgs): Promise<OperationRequest> {
  const { requestBake, sendRecipe } = await import('../images/request-bake.ts');
  const { bakeId } = await import('../../domain/image/bake.ts');
  const [recipe = ''] = words;
  if (policy.recipes === undefined) {
    throw new ClientError(EXIT.refused, 'Cannot bake from Slack: the bot has no folder of recipes', {
      expectation: '"recipes" in its policy file',
    });
  }
  if (!/^[\w.-]+$/.test(recipe) || recipe.startsWith('.')) {
    throw new ClientError(EXIT.usage, `Cannot find recipe "${recipe}"`, {
      expectation: 'the name of a folder of the bot’s recipes',
    });
  }
  const request = await requestBake(context, {
    folder: join(policy.recipes, recipe),
    resolveTool: (name) =>
      Promise.reject(new Error(`recipe "${recipe}" needs "${name}", which the bot has not`)),
    ...(context.sourceImage === undefined ? {} : { defaultSource: context.sourceImage }),
  });
  const { content } = request.input;
  const { name, digest, architecture, instanceType } = content.recipe;
  return operationRequest(
    { type: 'BakeAmi', id: request.workflowId, whenRunning: 'USE_EXISTING', input: request.input },
    {
      question: `Bake ${name}?`,
      plan: [
        `recipe    ${name} ${digest.slice(0, 12)} (${architecture}, ${instanceType})`,
        `source    ${content.sourceImageId}`,
        `place     ${content.region}, account ${content.accountId}`,
      ].join('\n'),
      hash: bakeId(content),
    },
    () => sendRecipe(context, request),
  );
}
