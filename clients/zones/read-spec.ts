import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InvalidInput } from '../../domain/errors.ts';
import { parse } from '../../domain/parse.ts';
import { zoneSpecSchema, type ZoneSpec } from '../../domain/zone/spec.ts';
import { readYamlFile } from '../yaml-file.ts';

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
  const spec = parse(zoneSpecSchema, await readYamlFile(path, 'the zone specification'), path);
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

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
