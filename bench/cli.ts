/** Runs the command line as a person does: a process of its own, whose progress is read as it is said. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = join(import.meta.dirname, '..');

const running = new Set<ChildProcess>();

/** Ends the commands that are at work. */
export function endChildren(): void {
  for (const child of running) child.kill('SIGTERM');
}

export interface SaidLine {
  readonly text: string;
  /** Seconds since the process was started. */
  readonly at: number;
}

export interface CliRun {
  readonly seconds: number;
  readonly lines: readonly SaidLine[];
  readonly stdout: string;
}

/** The same path as an npm script takes, without npm itself. @throws {Error} with its last lines, when it fails */
export async function runCli(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CliRun> {
  const began = performance.now();
  const since = (): number => (performance.now() - began) / 1000;
  const child = spawn(
    process.execPath,
    [join(ROOT, 'sandbox/toolchain/bootstrap.mjs'), 'clients/cli/main.ts', ...args],
    { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  running.add(child);
  child.once('close', () => running.delete(child));
  const lines: SaidLine[] = [];
  createInterface({ input: child.stderr }).on('line', (text) => lines.push({ text, at: since() }));
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (stdout += text));
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject).once('close', resolve);
  const status = await promise;
  if (status === 0) return { seconds: since(), lines, stdout };
  const end = lines.slice(-15).map(({ text }) => text);
  throw new Error(
    `zonewright ${args.join(' ')} ended with ${status}, expected 0; it said:\n${end.join('\n')}`,
  );
}
