/** Runs the computer's own network commands, with what they read on standard input. */
import { spawn } from 'node:child_process';
import { namespacePath } from './names.ts';

/** A command of the computer failed; the message says what was attempted and what the command answered. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

export interface CommandOptions {
  readonly input?: string;
  /** Exit status and output do not matter: the command removes what may not be there. */
  readonly lenient?: boolean;
}

/** Runs a command and returns its standard output. @throws {CommandError} with its last words, unless lenient */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    let complaint = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    child.on('error', (cause) =>
      reject(new CommandError(`Cannot run "${command}": expected it to be installed`, { cause })),
    );
    child.on('close', (status) => {
      if (status === 0 || options.lenient === true) return resolve(output);
      reject(
        new CommandError(
          `Cannot run "${[command, ...args].join(' ')}": ${complaint.trim() || `it exited with ${status}`}`,
        ),
      );
    });
    // A command that dies early leaves its input unread; its exit status tells.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** Runs a command inside a namespace. Never `ip netns exec`, which hides the cgroup mounts. */
export function runInside(
  namespace: string,
  command: string,
  args: readonly string[],
  options?: CommandOptions,
): Promise<string> {
  return run('nsenter', [`--net=${namespacePath(namespace)}`, command, ...args], options);
}
