/** Small recipes that tests bake: a file and a word for the boot test, no packages, no tools. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';

export interface SmallRecipe {
  readonly name: string;
  /** Makes it a recipe of its own; also what the boot test expects. */
  readonly text: string;
  /** Lines of `install.sh`. */
  readonly install?: string;
}

/** Writes the recipe and returns its folder, a new one each time. */
export function writeRecipe({ name, text, install }: SmallRecipe): string {
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-system-recipe-'));
  writeFileSync(join(folder, 'text'), `${text}\n`);
  if (install !== undefined) writeFileSync(join(folder, 'install.sh'), `#!/bin/sh\n${install}\n`);
  const recipe = {
    name,
    instanceType: 't3.small',
    files: [{ to: '/etc/zonewright-text', path: 'text' }],
    ...(install === undefined ? {} : { install: 'install.sh' }),
    test: { commands: [{ run: 'cat /etc/zonewright-text', expect: text }] },
  };
  writeFileSync(join(folder, 'recipe.yaml'), stringify(recipe));
  return folder;
}
