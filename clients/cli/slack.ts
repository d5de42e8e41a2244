/** `zonewright slack`: the bot that shows operations in Slack and takes decisions there. */
import type { Command } from 'commander';
import { verb } from './output.ts';

export function addSlackCommands(program: Command): void {
  program
    .command('slack')
    .description('the Slack bot')
    .command('serve')
    .description('run it until it is ended; docs/slack.md says what it needs')
    .action(
      verb(async (output) => {
        const { serveSlack } = await import('../slack/serve.ts');
        await serveSlack((line) => output.progress(line));
      }),
    );
}
