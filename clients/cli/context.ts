/** `zonewright context`: which Temporal, AWS account and zone store the other commands talk to. */
import type { Command } from 'commander';
import { table, verb } from './output.ts';

export function addContextCommands(program: Command): void {
  const context = program.command('context').description('connections that commands use, as in kubectl');

  context
    .command('list')
    .description('list the contexts there are')
    .action(
      verb(async (output) => {
        const { configHome, contextNames, currentContextName } = await import('../contexts.ts');
        const current = currentContextName();
        const contexts = contextNames().map((name) => ({ name, current: name === current }));
        const rows = contexts.map(({ name, current: is }) => [is ? '*' : '', name]);
        const none = `No context yet: put one into "${configHome()}/contexts", or run "zonewright sandbox up"`;
        output.result({ contexts }, rows.length > 0 ? table(['', 'name'], rows) : none);
      }),
    );

  context
    .command('use')
    .argument('<name>')
    .description('use this context from now on')
    .action(
      verb(async (output, name: string) => {
        const { useContext } = await import('../contexts.ts');
        useContext(name);
        output.result({ name }, `Using context "${name}"`);
      }),
    );

  context
    .command('show')
    .argument('[name]')
    .description('show a context, the current one by default')
    .action(
      verb(async (output, name: string | undefined) => {
        const { loadContext } = await import('../contexts.ts');
        const { stringify } = await import('yaml');
        const { aws, ...rest } = loadContext(name);
        // Credentials of the sandbox are a secret like any other.
        const { credentials: _secret, ...place } = aws;
        const shown = { ...rest, aws: place };
        output.result(shown, stringify(shown));
      }),
    );
}
