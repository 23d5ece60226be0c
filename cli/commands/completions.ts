/** `orca completions bash|zsh|fish`: a script for the shell to source, made from the table of commands. */
import { OrcaError } from '../../shared/errors.js';
import type { Context } from '../context.js';
import type { Verb } from '../verb.js';
import { verbs } from '../verbs.js';

interface Word {
  name: string;
  summary: string;
  /** What can follow: the choices of its first argument, then its options. */
  flags: string[];
}

export async function completions({ args, output }: Context): Promise<number> {
  const words = verbs.map(wordOf);
  const scripts: Record<string, (words: Word[]) => string> = { bash, zsh, fish };
  const script = Object.hasOwn(scripts, args[0] ?? '') ? scripts[args[0] ?? ''] : undefined;
  if (!script)
    throw new OrcaError(
      'USAGE',
      `there are completions for bash, zsh and fish, not ${JSON.stringify(args[0])}`,
    );
  output.line(script(words));
  return 0;
}

function wordOf(verb: Verb): Word {
  const choices = verb.usage.match(/<(\w+(\|\w+)+)>/)?.[1]?.split('|') ?? [];
  const flags = (verb.options ?? []).flatMap(([text]) => text.match(/--?[a-z][a-z-]*/g) ?? []);
  return {
    name: verb.usage.split(' ')[0] ?? '',
    summary: verb.summary,
    flags: [...choices, ...flags, '--api', '--token', '--help'],
  };
}

function bash(words: Word[]): string {
  const cases = words.map(({ name, flags }) => `    ${name}) words="${flags.join(' ')}" ;;`);
  return `# orca completions bash > /etc/bash_completion.d/orca
_orca() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${words.map(({ name }) => name).join(' ')} help"
  else
    case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ "\${COMP_WORDS[COMP_CWORD-1]}" = "-f" ] || [ "\${COMP_WORDS[COMP_CWORD-1]}" = "--file" ]; then
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -F _orca orca`;
}

function zsh(words: Word[]): string {
  const lines = words.map(({ name, summary }) => `    '${name}:${quoted(summary)}'`);
  const cases = words.map(({ name, flags }) => `      ${name}) compadd -- ${flags.join(' ')} ;;`);
  return `#compdef orca
# orca completions zsh > "\${fpath[1]}/_orca"
_orca() {
  local -a verbs
  verbs=(
${lines.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' verbs
  elif [[ $words[CURRENT-1] == (-f|--file) ]]; then
    _files
  else
    case $words[2] in
${cases.join('\n')}
    esac
  fi
}
compdef _orca orca`;
}

function fish(words: Word[]): string {
  const lines = words.flatMap(({ name, summary, flags }) => [
    `complete -c orca -f -n __fish_use_subcommand -a ${name} -d '${quoted(summary)}'`,
    ...flags.map((flag) => `complete -c orca -f -n '__fish_seen_subcommand_from ${name}' ${fishFlag(flag)}`),
  ]);
  return ['# orca completions fish > ~/.config/fish/completions/orca.fish', ...lines].join('\n');
}

function fishFlag(flag: string): string {
  if (!flag.startsWith('-')) return `-a ${flag}`;
  if (flag === '--file') return '-l file -r -F';
  return flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
}

/** Inside single quotes of a shell: no quotes, no colons for zsh, and no backticks to be safe. */
function quoted(summary: string): string {
  return summary.replace(/[':`]/g, '');
}
