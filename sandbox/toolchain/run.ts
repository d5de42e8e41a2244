/** Runs one command, keeps the end of its output for the error message, and can be aborted. */
import { spawn } from 'node:child_process';
import type { RunOptions } from './tool.ts';

const TAIL_CHARACTERS = 2_000;
const OUTPUT_LIMIT = 4 << 20;

export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** @returns what the command wrote to stdout, then stderr @throws {CommandError} unless it ends with code 0 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: RunOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.signal && { signal: options.signal }),
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] = (output[name] + text).slice(-OUTPUT_LIMIT);
    });
  }
  child.on('error', (cause) =>
    reject(new CommandError(`Cannot run "${command}": ${cause.message}`, { cause })),
  );
  child.on('close', (code, signal) => {
    const text = output.stdout + output.stderr;
    if (code === 0) return resolve(text);
    const end = text.trim().slice(-TAIL_CHARACTERS);
    const line = [command, ...args].join(' ').slice(0, 200);
    reject(new CommandError(`Cannot run "${line}": it ended with ${signal ?? `code ${code}`}\n${end}`));
  });
  return promise;
}
