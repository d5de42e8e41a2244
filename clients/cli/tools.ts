/** Finds what recipes ask for by name: pinned tools, and the programs that run on machines. */
import { obtain } from '../../sandbox/toolchain/index.ts';
import type { ToolName } from '../../sandbox/toolchain/index.ts';
import { TOOLS } from '../../sandbox/toolchain/index.ts';
import { InvalidInput } from '../../domain/errors.ts';
import { bundleAgents } from '../recipes/bundle-agents.ts';
import type { Output } from './output.ts';
import { progressPrinter } from './toolchain.ts';

const AGENTS = 'zonewright-agents';

/** @returns a function that gives the path of a tool, obtained where necessary */
export const toolResolver = (output: Output): ((name: string) => Promise<string>) => {
  const onProgress = progressPrinter(output);
  return async (name) => {
    if (name === AGENTS) return bundleAgents();
    if (!(name in TOOLS)) {
      const expected = `one of ${[...Object.keys(TOOLS), AGENTS].join(', ')}`;
      throw new InvalidInput('recipe', [{ path: 'files[].tool', value: name, expected }]);
    }
    return obtain(name as ToolName, { onProgress });
  };
};
