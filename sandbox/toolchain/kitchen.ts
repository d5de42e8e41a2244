/** What recipes work with: commands, other tools, and a voice that repeats itself while a step takes long. */
import { runCommand } from './run.ts';
import type { Kitchen, ObtainOptions, Progress, Tool } from './tool.ts';

/** How often the same message is said again. */
const REPEAT_MS = 5_000;

/** A recipe's surroundings; `close` ends the reports. */
export function openKitchen(
  tool: Tool,
  options: ObtainOptions,
  need: Kitchen['need'],
): { kitchen: Kitchen; close: () => void } {
  const began = performance.now();
  const report = options.onProgress ?? reportOnStderr;
  let current: string | undefined;
  const tell = () => {
    if (current === undefined) return;
    report({ tool: tool.name, message: current, elapsedMs: performance.now() - began });
  };
  const timer = setInterval(tell, REPEAT_MS).unref();
  const say = (message: string) => {
    current = message;
    tell();
  };
  const kitchen: Kitchen = {
    signal: options.signal,
    say,
    need,
    run: (command, args, run = {}) => {
      if (run.message) say(run.message);
      return runCommand(command, args, { ...run, signal: options.signal });
    },
  };
  return { kitchen, close: () => clearInterval(timer) };
}

function reportOnStderr({ tool, message, elapsedMs }: Progress): void {
  process.stderr.write(`${tool}: ${message} (${Math.round(elapsedMs / 1_000)} s)\n`);
}
