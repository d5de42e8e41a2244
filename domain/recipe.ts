import { parse as parseYaml, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { InvalidInput } from './errors.ts';
import { parse } from './parse.ts';

/**
 * What an image is made of: `recipe.yaml` of a recipe folder. The same schema is what the archive carries as
 * `recipe.json`, so that the machine reads exactly what was checked here.
 */
const absolutePath = z
  .string()
  .regex(/^\/(?!.*\/\.{1,2}(\/|$))(?!.*\/\/).*[^/]$/, 'an absolute path without "..", "//" or a last slash');

const folderPath = z
  .string()
  .regex(
    /^(?!\/)(?!(.*\/)?\.\.(\/|$)).+$/,
    'a path inside the recipe folder, without a leading slash or ".."',
  );

const mode = z.string().regex(/^0[0-7]{3}$/, 'an octal mode in quotes, e.g. "0755"');
const unitName = z
  .string()
  .regex(
    /^[\w@:.-]+\.(service|timer|socket|path|mount|target)$/,
    'the full name of a unit, e.g. "etcd.service"',
  );

const fileSchema = z
  .strictObject({
    /** Where it goes on the machine; of a folder, where its contents go. */
    to: absolutePath,
    /** Default: 0755 where the source is executable, else 0644. */
    mode: mode.optional(),
    /** A file or folder of the recipe folder. */
    path: folderPath.optional(),
    url: z.url({ protocol: /^https?$/, error: 'an http or https URL' }).optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, '64 lower-case hexadecimal digits')
      .optional(),
    /** A pinned tool by name, e.g. `etcd`; `zonewright-agents` is the folder of agents that run on machines. */
    tool: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]*$/, 'the name of a pinned tool')
      .optional(),
  })
  .refine((file) => [file.path, file.url, file.tool].filter((source) => source !== undefined).length === 1, {
    error: 'exactly one of path, url, tool',
  })
  .refine((file) => (file.url === undefined) === (file.sha256 === undefined), {
    error: 'sha256 beside url, and only there',
    path: ['sha256'],
  });

export const recipeSchema = z.strictObject({
  name: z
    .string()
    .regex(
      /^[a-z][a-z0-9-]{0,39}$/,
      'lower-case letters, digits and dashes, at most 40, beginning with a letter',
    ),
  /** The AMI to start from, by id or name; absent: the source image of the context. */
  source: z.strictObject({ image: z.string().min(3).max(128) }).optional(),
  architecture: z.enum(['x86_64', 'arm64']).default('x86_64'),
  instanceType: z.string().regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, 'an instance type, e.g. "m6i.large"'),
  options: z
    .strictObject({ encrypted: z.boolean().default(true), imdsV2Only: z.boolean().default(true) })
    .prefault({}),
  /** Debian packages; installed only where missing. */
  packages: z.array(z.string().regex(/^[a-z0-9][a-z0-9.+-]+$/, 'the name of a Debian package')).default([]),
  files: z.array(fileSchema).default([]),
  units: z.array(z.strictObject({ path: folderPath, enable: z.boolean().default(false) })).default([]),
  /** Script run last, as root, in the unpacked archive. */
  install: folderPath.optional(),
  test: z
    .strictObject({
      /** Units that must be active on a machine booted from the image. */
      units: z.array(unitName).default([]),
      /** Commands that must exit 0; `expect` must occur in what they print. */
      commands: z
        .array(z.strictObject({ run: z.string().min(1), expect: z.string().min(1).optional() }))
        .default([]),
    })
    .prefault({}),
});

export type Recipe = z.output<typeof recipeSchema>;
export type RecipeFile = Recipe['files'][number];

/**
 * Reads the text of a `recipe.yaml`.
 *
 * @param where how to name the file in messages
 * @throws {InvalidInput} naming each path, its value and what was expected
 */
export function parseRecipe(text: string, where: string): Recipe {
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (cause) {
    if (!(cause instanceof YAMLParseError)) throw cause;
    const line = cause.linePos?.[0].line ?? 0;
    const value = text.split('\n')[line - 1]?.trim() ?? '';
    throw new InvalidInput(where, [{ path: `line ${line}`, value, expected: 'YAML' }], { cause });
  }
  return parse(recipeSchema, document, where);
}
