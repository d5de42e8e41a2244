import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { InvalidInput } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { zoneSpecSchema, type ZoneSpec } from '../../domain/zone/spec.ts';

export interface ReadZoneSpec {
  readonly spec: ZoneSpec;
  /** Absolute path of the recipe's folder, where the image is given by one. */
  readonly recipeFolder?: string;
}

/**
 * Reads a zone's specification from a YAML or JSON file.
 *
 * @throws {InvalidInput} naming file, path, value and what was expected
 */
export async function readZoneSpec(path: string): Promise<ReadZoneSpec> {
  const spec = parse(zoneSpecSchema, parseYaml(await readText(path), path), path);
  const { recipe } = spec.image;
  if (recipe === undefined) return { spec };
  const recipeFolder = resolve(dirname(path), recipe);
  const recipeFile = resolve(recipeFolder, 'recipe.yaml');
  if (!(await isFile(recipeFile))) {
    throw new InvalidInput(path, [
      {
        path: 'image.recipe',
        value: recipe,
        expected: `a folder with a recipe.yaml; there is no "${recipeFile}"`,
      },
    ]);
  }
  return { spec, recipeFolder };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const expected = MISSING[(cause as NodeJS.ErrnoException).code ?? ''] ?? 'a file that can be read';
    throw new InvalidInput('the zone specification', [{ path: 'file', value: path, expected }], { cause });
  }
}

const MISSING: Readonly<Record<string, string>> = {
  ENOENT: 'a file that exists',
  EISDIR: 'a file, not a folder',
  EACCES: 'a file that you may read',
};

/** YAML 1.2, so that "no" is text; duplicate keys and what cannot be read are refused with their lines. */
function parseYaml(text: string, path: string): unknown {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (!error) return document.toJS() as unknown;
  const line = error.linePos?.[0].line ?? 1;
  throw new InvalidInput(
    path,
    [
      {
        path: `line ${line}`,
        value: text.split('\n')[line - 1]?.trim() ?? '',
        expected: yamlExpectation(error.code),
      },
    ],
    { cause: error },
  );
}

const yamlExpectation = (code: string): string =>
  code === 'DUPLICATE_KEY' ? 'each key once' : `YAML (${code.toLowerCase().replaceAll('_', ' ')})`;

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
