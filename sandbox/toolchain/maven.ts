/** Fetches jars of a committed list, each with its SHA-256, from Maven Central or the mirror that the user has set. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { downloadFile } from './download.ts';
import type { Kitchen } from './tool.ts';

const CENTRAL = 'https://repo.maven.apache.org/maven2';
const jars = z.array(z.strictObject({ path: z.string(), sha256: z.string().length(64) }));
const settings = z.object({
  settings: z.object({
    mirrors: z.object({ mirror: z.array(z.object({ url: z.string(), mirrorOf: z.string() })) }).optional(),
  }),
});

const listFile = (name: string): string => join(import.meta.dirname, 'maven', `${name}.json`);
export const readJarList = (name: string): string => readFileSync(listFile(name), 'utf8');

/** Puts the jars of the list side by side into `folder`. */
export async function fetchJars(name: string, folder: string, kitchen: Kitchen): Promise<void> {
  const list = jars.parse(JSON.parse(readJarList(name)));
  const base = centralUrl(join(homedir(), '.m2', 'settings.xml'));
  for (const [index, { path, sha256 }] of list.entries()) {
    kitchen.say(`downloading jar ${index + 1} of ${list.length} from Maven`);
    await downloadFile(`${base}/${path}`, sha256, join(folder, basename(path)), kitchen.signal);
  }
}

/** Where the user's settings say that Maven Central is to be read. */
export function centralUrl(settingsFile: string): string {
  if (!existsSync(settingsFile)) return CENTRAL;
  const parser = new XMLParser({ isArray: (tag) => tag === 'mirror' });
  const parsed = settings.safeParse(parser.parse(readFileSync(settingsFile, 'utf8')));
  const mirrors = parsed.success ? (parsed.data.settings.mirrors?.mirror ?? []) : [];
  const mirror = mirrors.find(({ mirrorOf }) => covers(mirrorOf));
  return mirror?.url.replace(/\/+$/, '') ?? CENTRAL;
}

function covers(mirrorOf: string): boolean {
  const names = mirrorOf.split(',').map((name) => name.trim());
  return !names.includes('!central') && ['central', '*', 'external:*'].some((name) => names.includes(name));
}
