import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { InvalidInput } from '../../domain/errors.ts';
import type { Recipe, RecipeFile } from '../../domain/recipe.ts';
import { fetchRemoteFile } from './remote-file.ts';

/** A file that goes into an archive. */
export interface ArchiveSource {
  /** Path in the archive. */
  readonly path: string;
  /** Where its contents are now. */
  readonly file: string;
  readonly mode: number;
}

export interface SourceOptions {
  /** The recipe folder. */
  readonly folder: string;
  readonly cache: string;
  /** Path of a pinned tool's file or folder. */
  readonly resolveTool: (name: string) => Promise<string>;
}

/**
 * Every file that a recipe puts into its archive, but for `recipe.json`.
 *
 * @throws {InvalidInput} naming what is missing, leaves the folder, or goes to the same place twice
 */
export async function collectSources(
  recipe: Recipe,
  options: SourceOptions,
): Promise<readonly ArchiveSource[]> {
  const sources: ArchiveSource[] = [];
  for (const [index, file] of recipe.files.entries()) {
    const from = await locate(file, `files[${index}]`, options);
    sources.push(...(await entriesOf(from, `root${file.to}`, file.mode)));
  }
  for (const [index, { path }] of recipe.units.entries()) {
    const from = await inFolder(options.folder, path, `units[${index}].path`);
    sources.push({ path: `units/${basename(path)}`, file: from, mode: 0o644 });
  }
  if (recipe.install !== undefined) {
    const from = await inFolder(options.folder, recipe.install, 'install');
    sources.push({ path: 'install.sh', file: from, mode: 0o755 });
  }
  refuseTwice(sources);
  return sources;
}

async function locate(file: RecipeFile, where: string, options: SourceOptions): Promise<string> {
  if (file.path !== undefined) return inFolder(options.folder, file.path, `${where}.path`);
  if (file.url !== undefined) return fetchRemoteFile(file.url, file.sha256 ?? '', options.cache, where);
  return options.resolveTool(file.tool ?? '');
}

/** Follows symbolic links, and holds what they lead to inside the folder. */
async function inFolder(folder: string, path: string, where: string): Promise<string> {
  const refuse = (expected: string, cause?: unknown): never => {
    throw new InvalidInput(join(folder, 'recipe.yaml'), [{ path: where, value: path, expected }], { cause });
  };
  const root = await realpath(folder);
  const real = await realpath(join(folder, path)).catch((cause: unknown) =>
    refuse('a file or folder that exists', cause),
  );
  return real.startsWith(root + sep) ? real : refuse('a path that stays inside the recipe folder');
}

async function entriesOf(from: string, to: string, mode: string | undefined): Promise<ArchiveSource[]> {
  const info = await stat(from);
  if (!info.isDirectory())
    return [{ path: to, file: from, mode: mode ? parseInt(mode, 8) : plainMode(info.mode) }];
  const names = await readdir(from, { recursive: true, withFileTypes: true });
  const files = names
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    files.map(async (file) => {
      const inner = relative(from, file).split(sep).join('/');
      const real = await insideTree(from, file);
      return {
        path: `${to}/${inner}`,
        file: real,
        mode: mode ? parseInt(mode, 8) : plainMode((await stat(real)).mode),
      };
    }),
  );
}

async function insideTree(tree: string, file: string): Promise<string> {
  const real = await realpath(file).catch(() => undefined);
  const info = real === undefined ? undefined : await stat(real);
  if (real?.startsWith(tree + sep) && info?.isFile()) return real;
  throw new InvalidInput('recipe', [
    { path: file, value: real ?? 'nothing', expected: 'a plain file inside the folder that is packed' },
  ]);
}

/** Only whether it can be executed survives: the rest depends on who checked the folder out. */
const plainMode = (mode: number): number => (mode & 0o100 ? 0o755 : 0o644);

function refuseTwice(sources: readonly ArchiveSource[]): void {
  const seen = new Map<string, string>();
  for (const { path, file } of sources) {
    const other = seen.get(path);
    if (other !== undefined) {
      throw new InvalidInput('recipe', [
        { path: 'files', value: path, expected: `one file there, not ${other} and ${file}` },
      ]);
    }
    seen.set(path, file);
  }
}
