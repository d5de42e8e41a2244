import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { byPath, canonicalListing } from '../../domain/archive.ts';
import { InvalidInput } from '../../domain/errors.ts';
import { parseRecipe, type Recipe } from '../../domain/recipe.ts';
import { FileHashes } from './hashes.ts';
import { collectSources, type ArchiveSource } from './sources.ts';
import { writeArchive, type EntryToWrite } from './write-archive.ts';

export interface PackOptions {
  /** Path of a pinned tool's file or folder, obtained where necessary. */
  readonly resolveTool: (name: string) => Promise<string>;
  /** Folder of archives that were packed before; default: where all caches are. */
  readonly cache?: string;
}

export interface PackedRecipe {
  readonly recipe: Recipe;
  /** SHA-256 over the listing of paths, modes and contents: the identity of the recipe. */
  readonly digest: string;
  readonly archivePath: string;
  /** SHA-256 of the archive's bytes, which the machine checks. */
  readonly archiveSha256: string;
  readonly bytes: number;
}

/**
 * Packs a recipe folder. The same folder gives the same bytes, on any day and for any user; packed once, it costs
 * only a look at its files.
 *
 * @throws {InvalidInput} naming what is wrong in the folder: path, value, expectation
 */
export async function packRecipe(folder: string, options: PackOptions): Promise<PackedRecipe> {
  const cache = options.cache ?? process.env['ZONEWRIGHT_CACHE'] ?? '/var/cache/zonewright';
  const recipe = await readRecipe(folder);
  const sources = await collectSources(recipe, { folder, cache, resolveTool: options.resolveTool });
  const entries = await listEntries(recipe, sources, cache);
  const digest = createHash('sha256').update(canonicalListing(entries)).digest('hex');
  const archivePath = join(cache, 'recipes', `${digest}.tar.gz`);
  const packed = (await readPacked(archivePath)) ?? (await packTo(archivePath, entries));
  return { recipe, digest, archivePath, ...packed };
}

async function readRecipe(folder: string): Promise<Recipe> {
  const path = join(folder, 'recipe.yaml');
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InvalidInput(`recipe folder "${folder}"`, [{ path, value: undefined, expected: 'a file' }], {
      cause,
    });
  });
  return parseRecipe(text, path);
}

async function listEntries(
  recipe: Recipe,
  sources: readonly ArchiveSource[],
  cache: string,
): Promise<readonly EntryToWrite[]> {
  const hashes = await FileHashes.open(cache);
  const text = `${JSON.stringify(recipe, undefined, 2)}\n`;
  const entries: EntryToWrite[] = [
    {
      path: 'recipe.json',
      mode: 0o644,
      bytes: Buffer.byteLength(text),
      sha256: createHash('sha256').update(text).digest('hex'),
      content: { text },
    },
  ];
  for (const { path, file, mode } of sources) {
    const sha256 = await hashes.of(file);
    entries.push({ path, mode, bytes: (await stat(file)).size, sha256, content: { file } });
  }
  await hashes.save();
  return entries.sort(byPath);
}

interface Packed {
  readonly archiveSha256: string;
  readonly bytes: number;
}

/** The sidecar is written after the archive, so where it is, the archive is whole. */
const sidecarOf = (archivePath: string): string => `${archivePath}.json`;

async function readPacked(archivePath: string): Promise<Packed | undefined> {
  try {
    const packed = JSON.parse(await readFile(sidecarOf(archivePath), 'utf8')) as Packed;
    return (await stat(archivePath)).size === packed.bytes ? packed : undefined;
  } catch {
    return undefined;
  }
}

async function packTo(archivePath: string, entries: readonly EntryToWrite[]): Promise<Packed> {
  await mkdir(join(archivePath, '..'), { recursive: true });
  const partial = `${archivePath}.${randomUUID()}.partial`;
  try {
    const { sha256, bytes } = await writeArchive(entries, partial);
    await rename(partial, archivePath);
    const packed: Packed = { archiveSha256: sha256, bytes };
    await writeFile(`${partial}.json`, JSON.stringify(packed));
    await rename(`${partial}.json`, sidecarOf(archivePath));
    return packed;
  } finally {
    await rm(partial, { force: true });
  }
}
