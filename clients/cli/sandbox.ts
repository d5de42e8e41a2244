/** `zonewright sandbox`: a small data centre on this computer. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { confirm } from './confirm.ts';
import { duration, table, verb } from './output.ts';
import type { Output } from './output.ts';

export function addSandboxCommands(program: Command): void {
  const sandbox = program.command('sandbox').description('a small data centre on this computer');

  sandbox
    .command('up')
    .option('--base-port <port>', 'first of consecutive ports to use, instead of free ones', portNumber)
    .option('--foreground', 'stay until it is ended by a signal, and take the sandbox down then')
    .description('start it; returns when everything answers')
    .action(
      verb(async (output, { basePort, foreground }: { basePort?: number; foreground?: boolean }) => {
        await bringUp(output, basePort);
        await printStatus(output);
        if (foreground === true) await untilEnded();
      }),
    );

  sandbox
    .command('down')
    .description('stop it; leaves nothing but the layers of baked images')
    .action(
      verb(async (output) => {
        const { down } = await import('../../sandbox/down.ts');
        const stopped = await down();
        output.result({ stopped }, stopped ? 'The sandbox is down' : 'There was no sandbox');
      }),
    );

  sandbox.command('status').description('processes, addresses, machines, disk').action(verb(printStatus));

  sandbox
    .command('reset')
    .option('--yes', 'do not ask')
    .description('stop it and forget baked images too')
    .action(
      verb(async (output, { yes }: { yes?: boolean }) => {
        await confirm(output, { question: 'Remove the sandbox with the images baked in it?', yes });
        const { reset } = await import('../../sandbox/reset.ts');
        const removed = await reset();
        output.result({ removed }, removed ? 'The sandbox is gone' : 'There was no sandbox');
      }),
    );
}

/** Starts the sandbox and says each step on stderr; Ctrl-C takes down what was started. */
export async function bringUp(output: Output, basePort?: number): Promise<void> {
  const { up } = await import('../../sandbox/up.ts');
  const interrupted = new AbortController();
  const stop = (): void => interrupted.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    await up({
      signal: interrupted.signal,
      ...(basePort === undefined ? {} : { basePort }),
      onProgress: ({ step, state, message, elapsedMs }) => {
        if (state === 'done') output.progress(`✓ ${step} (${duration(elapsedMs)})`);
        else if (message !== undefined) output.progress(`  ${step}: ${message}`);
      },
    });
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

async function untilEnded(): Promise<void> {
  const { down } = await import('../../sandbox/down.ts');
  const ended = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.resolve());
  const alive = setInterval(() => undefined, 60_000);
  await ended.promise;
  clearInterval(alive);
  await down();
}

async function printStatus(output: Output): Promise<void> {
  const { status } = await import('../../sandbox/status.ts');
  const found = await status();
  const { sandbox, processes } = found;
  const lines = [`sandbox   ${found.state}`, `home      ${found.home} (${mebibytes(found.diskBytes)})`];
  if (sandbox) {
    lines.push(`Temporal  ${sandbox.temporalAddress}, UI ${sandbox.temporalUi}`);
    lines.push(`AWS       ${sandbox.awsEndpoint} (${sandbox.region}, account ${sandbox.accountId})`);
    lines.push(`store     ${sandbox.bucket}, zones below ${sandbox.environmentDomain}`, '');
  }
  const rows = processes.map(({ name, pid, alive, residentBytes, log }) => [
    name,
    String(pid),
    alive ? 'running' : 'dead',
    residentBytes === undefined ? '' : mebibytes(residentBytes),
    log,
  ]);
  if (rows.length > 0) lines.push(table(['process', 'pid', 'state', 'memory', 'log'], rows));
  output.result(found, lines.join('\n'));
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

function portNumber(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new InvalidArgumentError('Expected a port from 1 to 65535.');
}
