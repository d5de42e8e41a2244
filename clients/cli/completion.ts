/** `zonewright completion <shell>`: completion scripts made from the commands themselves. */
import type { Command } from 'commander';
import { Argument } from 'commander';
import { verb } from './output.ts';

const SHELLS = { bash, zsh, fish } as const;

export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>').choices(Object.keys(SHELLS)))
    .description('print a completion script, e.g. source <(zonewright completion bash)')
    .action(
      verb(async (output, shell: keyof typeof SHELLS) => {
        const script = SHELLS[shell](program);
        output.result({ shell, script }, script);
      }),
    );
}

interface Entry {
  /** Words before the cursor that lead here: `zone create`. */
  readonly path: string;
  readonly words: ReadonlyArray<{ readonly word: string; readonly about: string }>;
}

/** What may follow each noun and verb: the verbs, then the long options. */
function entries(command: Command, path: readonly string[] = []): Entry[] {
  const verbs = command.commands.map((sub) => ({ word: sub.name(), about: sub.description() }));
  const flags = command.options.flatMap(({ long, description }) =>
    long ? [{ word: long, about: description }] : [],
  );
  const own = { path: path.join(' '), words: [...verbs, ...flags, { word: '--help', about: 'say more' }] };
  return [own, ...command.commands.flatMap((sub) => entries(sub, [...path, sub.name()]))];
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const wordsOf = ({ words }: Entry): string => words.map(({ word }) => word).join(' ');

function bash(program: Command): string {
  const cases = entries(program).map(
    (entry) => `    ${quoted(entry.path)}) words=${quoted(wordsOf(entry))} ;;`,
  );
  return `_zonewright() {
  local path='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] || path="\${path:+$path }$word"
  done
  case $path in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
  [[ $words && \${COMPREPLY[0]+x} ]] || COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _zonewright zonewright`;
}

function zsh(program: Command): string {
  const described = (entry: Entry): string =>
    entry.words.map(({ word, about }) => quoted(`${word}:${about.replaceAll(':', '\\:')}`)).join(' ');
  const cases = entries(program).map(
    (entry) => `    ${quoted(entry.path)}) choices=(${described(entry)}) ;;`,
  );
  return `#compdef zonewright
_zonewright() {
  local -a choices
  local before="\${(j: :)\${(@)words[2,CURRENT-1]:#-*}}"
  case $before in
${cases.join('\n')}
    *) _files; return ;;
  esac
  _describe 'zonewright' choices
}
compdef _zonewright zonewright`;
}

function fish(program: Command): string {
  const lines = entries(program).flatMap(({ path, words }) =>
    words.map(({ word, about }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`;
      return `complete -c zonewright -n ${quoted(`__zonewright_at "${path}"`)} ${what} -d ${quoted(about)}`;
    }),
  );
  return `function __zonewright_at
  set -l words (commandline -opc)[2..]
  test (string join ' ' (string match -v -- '-*' $words)) = $argv[1]
end
complete -c zonewright -f
${lines.join('\n')}`;
}
