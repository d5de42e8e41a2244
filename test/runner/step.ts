/** Runs one command of a check: silent while it is good, everything it said when it is not. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { TOOLS } from '../../sandbox/toolchain/index.ts';
import { middleCut, stepLine } from './report.ts';

export interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly print: (text: string) => void;
  /** Shows stderr as it comes: for what may take many minutes. */
  readonly live?: boolean;
}

export interface StepResult {
  readonly good: boolean;
  readonly output: string;
}

/** Runs the command without stdin and prints one line, followed by its output when it failed. */
export async function runStep(step: Step): Promise<StepResult> {
  const began = performance.now();
  const { code, output } = await capture(step);
  const good = code === 0;
  step.print(stepLine(good, step.name, performance.now() - began));
  if (!good) step.print(middleCut(output.trim()));
  return { good, output };
}

function capture(step: Step): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(step.command, step.args, {
      cwd: step.cwd,
      // With CI=true some programs colour what nobody sees as colours.
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (step.live === true) process.stderr.write(chunk);
    });
    child.on('error', (error) =>
      resolve({ code: 127, output: `Cannot start "${step.command}": ${error.message}` }),
    );
    child.on('close', (code, signal) =>
      resolve({
        code: code ?? 1,
        output: signal === null ? output : `${output}\n${step.command} ended by ${signal}`,
      }),
    );
  });
}

/**
 * Obtains the servers that tests run on, so that no test's time limit is spent on building them. A browser is left
 * to the tests that want one.
 */
export async function toolchainStep(root: string, print: (text: string) => void): Promise<boolean> {
  const names = Object.keys(TOOLS).filter((name) => name !== 'chromium');
  const args = [join(root, 'clients/cli/main.ts'), 'toolchain', 'install', ...names];
  const { good } = await runStep({
    name: 'toolchain',
    command: process.execPath,
    args,
    cwd: root,
    print,
    live: true,
  });
  return good;
}
