/** Obtains one tool: environment variable, PATH, cache, official release, registry; in this order. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fill, parcelFolder } from './cache.ts';
import { installPackages, missingPackages } from './debian.ts';
import { takeDownload } from './download.ts';
import { openKitchen } from './kitchen.ts';
import { runCommand } from './run.ts';
import {
  ChecksumError,
  type Kitchen,
  type ObtainOptions,
  type Parcel,
  type Tool,
  ToolUnavailableError,
} from './tool.ts';

export type Origin = 'environment' | 'path' | 'cache' | 'system';
export interface Located {
  readonly origin: Origin;
  readonly path: string;
}
type Lookup = (name: string) => Tool | undefined;

export const environmentVariable = (tool: string): string =>
  `ZONEWRIGHT_${tool.toUpperCase().replaceAll('-', '_')}`;

/**
 * Obtains `tool` and says how it goes; `lookup` finds the tools that its recipe needs.
 * @returns absolute path of the executable, file or folder
 * @throws {ToolUnavailableError}
 */
export async function obtainTool(tool: Tool, lookup: Lookup, options: ObtainOptions = {}): Promise<string> {
  const { kitchen, close } = openFor(tool, lookup, options);
  try {
    return (await locate(tool, kitchen))?.path ?? (await make(tool, kitchen));
  } catch (error) {
    if (error instanceof ToolUnavailableError || options.signal?.aborted) throw error;
    throw new ToolUnavailableError(tool, firstLine(error), error);
  } finally {
    close();
  }
}

/** Where the tool is now, without making anything. */
export async function locateTool(tool: Tool, lookup: Lookup): Promise<Located | undefined> {
  const { kitchen, close } = openFor(tool, lookup, { onProgress: () => {} });
  try {
    return await locate(tool, kitchen);
  } finally {
    close();
  }
}

async function locate(tool: Tool, kitchen: Kitchen): Promise<Located | undefined> {
  const named = fromEnvironment(tool);
  if (named) return { origin: 'environment', path: named };
  const onPath = await fromPath(tool);
  if (onPath) return { origin: 'path', path: onPath };
  const { source } = tool;
  if (source.kind === 'present') {
    const path = source.locate();
    return path === undefined ? undefined : { origin: 'system', path };
  }
  if (source.kind === 'debian') {
    const there = existsSync(source.file) && (await missingPackages(source.packages)).length === 0;
    return there ? { origin: 'system', path: source.file } : undefined;
  }
  const path = join(await folderOf(source.parcel, kitchen), source.file);
  return existsSync(path) ? { origin: 'cache', path } : undefined;
}

function fromEnvironment(tool: Tool): string | undefined {
  const variable = environmentVariable(tool.name);
  const path = process.env[variable];
  if (!path) return undefined;
  if (!existsSync(path))
    throw new ToolUnavailableError(tool, `${variable} names "${path}", which does not exist`);
  return path;
}

async function fromPath({ onPath }: Tool): Promise<string | undefined> {
  if (!onPath) return undefined;
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, onPath.command);
    if (!folder.startsWith('/') || !isExecutable(path)) continue;
    const version = await runCommand(path, onPath.args).then(
      (output) => onPath.pattern.exec(output)?.[1],
      () => undefined, // a command that cannot say its version is not the right one
    );
    if (version !== undefined && onPath.accepts(version)) return path;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function make(tool: Tool, kitchen: Kitchen): Promise<string> {
  const { source } = tool;
  if (source.kind === 'present') throw new ToolUnavailableError(tool, 'it is not installed');
  if (source.kind === 'debian') {
    await installPackages(source.packages, kitchen);
    return source.file;
  }
  await source.parcel.prepare?.(kitchen);
  const folder = await folderOf(source.parcel, kitchen);
  await fill(folder, {
    make: (partial) => makeParcel(source.parcel, partial, kitchen),
    onWait: (pid) => kitchen.say(`waiting for process ${pid}, which is making it`),
    signal: kitchen.signal,
  });
  return join(folder, source.file);
}

const folderOf = async (parcel: Parcel, kitchen: Kitchen): Promise<string> =>
  parcelFolder(parcel.name, parcel.version, [
    ...(await parcel.ingredients(kitchen)),
    ...parcel.downloads.map((download) => download.sha256),
  ]);

/** Official releases first. A wrong checksum is never passed over in silence by building instead. */
async function makeParcel(parcel: Parcel, folder: string, kitchen: Kitchen): Promise<void> {
  if (parcel.downloads.length > 0) {
    try {
      for (const download of parcel.downloads) await takeDownload(download, folder, kitchen);
      return;
    } catch (error) {
      if (error instanceof ChecksumError || kitchen.signal?.aborted) throw error;
      kitchen.say(`no official release within reach (${firstLine(error)})`);
    }
  }
  await parcel.make(folder, kitchen);
}

/** What a tool needs is obtained in the same way. */
const openFor = (tool: Tool, lookup: Lookup, options: ObtainOptions) =>
  openKitchen(tool, options, async (name) => {
    const needed = lookup(name);
    if (!needed) throw new ToolUnavailableError(tool, `it needs "${name}", which no module describes`);
    return obtainTool(needed, lookup, options);
  });

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
