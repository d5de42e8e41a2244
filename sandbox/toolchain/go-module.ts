/** Builds from a Go module of ours: `go/<name>/go.mod` pins it and `go.sum` verifies all that it pulls in. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheRoot } from './cache.ts';
import type { Download, Kitchen, Parcel } from './tool.ts';

export interface GoRecipe {
  readonly name: string;
  readonly version: string;
  /** File to make, and the package it is built from. */
  readonly binaries: Readonly<Record<string, string>>;
  /** Values for the linker's `-X`, by variable. */
  readonly variables?: Readonly<Record<string, string>>;
  /** The official release, for x86-64, where its checksum is known. */
  readonly downloads?: readonly Download[];
}

export function goParcel(recipe: GoRecipe): Parcel {
  const module = join(import.meta.dirname, 'go', recipe.name);
  const flags = linkerFlags(recipe.variables ?? {});
  return {
    name: recipe.name,
    version: recipe.version,
    compiled: true,
    downloads: process.arch === 'x64' ? (recipe.downloads ?? []) : [],
    ingredients: async () => [
      readFileSync(join(module, 'go.mod'), 'utf8'),
      readFileSync(join(module, 'go.sum'), 'utf8'),
      flags,
      ...Object.entries(recipe.binaries).flat(),
    ],
    make: (folder, kitchen) => build(recipe, module, flags, folder, kitchen),
  };
}

const linkerFlags = (variables: Readonly<Record<string, string>>): string =>
  ['-s', '-w', ...Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`)].join(' ');

async function build(
  recipe: GoRecipe,
  module: string,
  flags: string,
  folder: string,
  kitchen: Kitchen,
): Promise<void> {
  const go = await kitchen.need('go');
  const options = { cwd: module, env: goEnvironment() };
  await kitchen.run(go, ['mod', 'download'], { ...options, message: 'downloading Go modules' });
  for (const [file, packagePath] of Object.entries(recipe.binaries)) {
    await kitchen.run(
      go,
      [
        'build',
        '-mod=readonly',
        '-trimpath',
        '-buildvcs=false',
        '-ldflags',
        flags,
        '-o',
        join(folder, file),
        packagePath,
      ],
      { ...options, message: `building ${file} with Go` },
    );
  }
}

/** GOPROXY and GOSUMDB stay the user's; go.sum verifies in any case. */
const goEnvironment = (): Record<string, string> => ({
  CGO_ENABLED: '0',
  GOFLAGS: '-modcacherw',
  GOWORK: 'off',
  GOTOOLCHAIN: 'local',
  GOMODCACHE: join(cacheRoot(), 'go', 'mod'),
  GOCACHE: join(cacheRoot(), 'go', 'build'),
});
