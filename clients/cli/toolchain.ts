/** `zonewright toolchain`: the pinned servers that the sandbox and the tests run on. */
import type { Command } from 'commander';
import { ClientError, EXIT } from '../errors.ts';
import { duration, table, verb } from './output.ts';
import type { Output } from './output.ts';

/** While a tool is built it says the same for minutes; a line now and then shows that it is alive. */
const REPEAT_MS = 15_000;

export function addToolchainCommands(program: Command): void {
  const toolchain = program.command('toolchain').description('pinned servers that the sandbox runs on');

  toolchain
    .command('install')
    .argument('[tools...]', 'names of tools; all of them by default')
    .description('obtain tools: from a variable, PATH, the cache, their release or their registry')
    .action(
      verb(async (output, tools: string[]) => {
        const { obtainAll } = await import('../../sandbox/toolchain/index.ts');
        const paths = await obtainAll(await toolNames(tools), { onProgress: progressPrinter(output) });
        const rows = Object.entries(paths);
        output.result({ tools: rows.map(([name, path]) => ({ name, path })) }, table(['tool', 'path'], rows));
      }),
    );

  toolchain
    .command('status')
    .description('where each tool is now')
    .action(
      verb(async (output) => {
        const { status } = await import('../../sandbox/toolchain/index.ts');
        const tools = await status();
        const rows = tools.map(({ name, version, located, problem }) => [
          name,
          version,
          located?.origin ?? (problem === undefined ? 'missing' : 'problem'),
          located?.path ?? problem ?? '',
        ]);
        output.result({ tools }, table(['tool', 'version', 'from', 'path'], rows));
      }),
    );
}

async function toolNames(asked: readonly string[]) {
  const { TOOLS } = await import('../../sandbox/toolchain/index.ts');
  const known = Object.keys(TOOLS) as (keyof typeof TOOLS)[];
  const unknown = asked.find((name) => !(name in TOOLS));
  if (unknown !== undefined) {
    const { nearestWord } = await import('../../domain/spelling.ts');
    const near = nearestWord(unknown, known);
    throw new ClientError(EXIT.usage, `Cannot install "${unknown}": there is no such tool`, {
      expectation: near === undefined ? `some of ${known.join(', ')}` : `"${near}"?`,
    });
  }
  return asked.length === 0 ? known : known.filter((name) => asked.includes(name));
}

interface ToolProgress {
  readonly tool: string;
  readonly message: string;
  readonly elapsedMs: number;
}

/** A line per new message of a tool, and the same again when nothing else was said for a while. */
export function progressPrinter(output: Output): (progress: ToolProgress) => void {
  const last = new Map<string, { message: string; at: number }>();
  return ({ tool, message, elapsedMs }) => {
    const before = last.get(tool);
    if (before?.message === message && elapsedMs - before.at < REPEAT_MS) return;
    last.set(tool, { message, at: elapsedMs });
    output.progress(`${tool}: ${message} (${duration(elapsedMs)})`);
  };
}
