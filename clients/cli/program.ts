/** The tree of nouns and verbs. A noun's file adds its own part and imports what is heavy only when a verb runs. */
import { Command } from 'commander';
import { addCompletionCommand } from './completion.ts';
import { addContextCommands } from './context.ts';
import { addEtcdCommands } from './etcd.ts';
import { addImageCommands } from './image.ts';
import { addNodeCommands } from './node.ts';
import { addOpCommands } from './op.ts';
import { addSandboxCommands } from './sandbox.ts';
import { addServiceCommands } from './service.ts';
import { addSlackCommands } from './slack.ts';
import { addScheduleCommands } from './schedule.ts';
import { addStartCommand } from './start.ts';
import { addToolchainCommands } from './toolchain.ts';
import { addZoneCommands } from './zone.ts';

const NOUNS = [
  addStartCommand,
  addImageCommands,
  addZoneCommands,
  addEtcdCommands,
  addServiceCommands,
  addNodeCommands,
  addOpCommands,
  addSlackCommands,
  addScheduleCommands,
  addContextCommands,
  addSandboxCommands,
  addToolchainCommands,
  addCompletionCommand,
];

export function buildProgram(): Command {
  const program = new Command('zonewright');
  program
    .description('Durable operations of self-managed Kubernetes zones on AWS')
    .showHelpAfterError('(--help says more)');
  for (const add of NOUNS) add(program);
  for (const command of commandsOf(program)) settle(command);
  return program;
}

/** The command and all below it. */
export const commandsOf = (command: Command): Command[] => [command, ...command.commands.flatMap(commandsOf)];

/** What holds for every command: machine-readable output, and errors that end in our exit codes. */
function settle(command: Command): void {
  command.exitOverride().helpCommand(false);
  if (command.commands.length > 0) return;
  command.option('--json', 'print one JSON document on stdout; progress goes to stderr');
}
