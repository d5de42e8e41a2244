import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const UNITS = join(import.meta.dirname, '../../examples/images/zone/units');

/** Text of a unit of the zone image. */
export const unitText = (unit: string): string => readFileSync(join(UNITS, unit), 'utf8');

/** Its command as systemd would run it: words of ExecStart, with the variables of its environment files put in. */
export function unitCommand(unit: string, variables: Readonly<Record<string, string>>): readonly string[] {
  const line = /^ExecStart=((?:.*\\\n)*.*)$/m.exec(unitText(unit))?.[1] ?? '';
  return line
    .replaceAll(/\\\n\s*/g, '')
    .split(/\s+/)
    .map((word) =>
      word.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
        const value = variables[name];
        if (value === undefined) throw new Error(`Cannot expand "${name}" in ${unit}`);
        return value;
      }),
    );
}

/** Variables of environment files, as systemd reads ours. */
export const readVariables = (...texts: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    texts
      .join('\n')
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
