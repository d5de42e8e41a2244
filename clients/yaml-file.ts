import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { InvalidInput } from '../domain/errors.ts';

/**
 * What a YAML or JSON file holds, unchecked.
 *
 * @param what what the file is, for the message where it cannot be read: `the zone specification`
 * @throws {InvalidInput} naming the file, or the line that is no YAML
 */
export const readYamlFile = async (path: string, what: string): Promise<unknown> =>
  parseYaml(await readText(path, what), path);

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const expected = MISSING[(cause as NodeJS.ErrnoException).code ?? ''] ?? 'a file that can be read';
    throw new InvalidInput(what, [{ path: 'file', value: path, expected }], { cause });
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
