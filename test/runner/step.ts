/** Runs one command of a check: silent while it is good, everything it said when it is not. */
import { spawn } from 'node:child_process';
import { middleCut, stepLine } from './report.ts';

export interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly print: (text: string) => void;
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
    const child = spawn(step.command, step.args, { cwd: step.cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
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
