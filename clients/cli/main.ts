/** `zonewright <noun> <verb>`: reads the arguments, runs the verb, turns what went wrong into a line and an exit code. */
import { CommanderError } from 'commander';
import { reportError } from './failures.ts';
import { buildProgram } from './program.ts';

async function main(args: readonly string[]): Promise<number> {
  try {
    await buildProgram().parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has said already what was wrong; help and version are no failures.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return reportError(error, args.includes('--json'));
  }
}

process.exitCode = await main(process.argv.slice(2));
