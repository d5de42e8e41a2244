/** What a person typed after `/zonewright`. */
import { ClientError, EXIT } from '../errors.ts';

export interface Words {
  readonly words: readonly string[];
  /** `--name value`; without a value, `true`. */
  readonly options: ReadonlyMap<string, string>;
}

const TOKEN = /"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g;

/**
 * Parts a command at its spaces, quotes kept together. Slack's own typography (curly quotes, a dash for two hyphens)
 * is read as what was meant.
 *
 * @throws {ClientError} for a quote that is never closed
 */
export function wordsOf(text: string): Words {
  const plain = text
    .replaceAll(/[“”„]/g, '"')
    .replaceAll(/[‘’]/g, "'")
    .replaceAll(/(^|\s)[—–](?=\w)/g, '$1--');
  const words: string[] = [];
  const options = new Map<string, string>();
  let waiting: string | undefined;
  for (const [all, double, single] of plain.matchAll(TOKEN)) {
    const word = double?.replaceAll(/\\(.)/g, '$1') ?? single ?? all;
    if (double === undefined && single === undefined && /^["']/.test(all)) {
      throw new ClientError(EXIT.usage, `Cannot read ${all}: its quote is never closed`);
    }
    if (all.startsWith('--')) {
      const [name = '', ...value] = all.slice(2).split('=');
      options.set(name, value.length > 0 ? value.join('=') : 'true');
      waiting = value.length > 0 ? undefined : name;
    } else if (waiting !== undefined) {
      options.set(waiting, word);
      waiting = undefined;
    } else words.push(word);
  }
  return { words, options };
}
