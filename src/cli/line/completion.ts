/** Completion for shells, made from the table of commands: words of commands, then their options. */
import { dashed, type LineCommand, optionsOf } from './command.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type ShellName = (typeof SHELLS)[number];

/** A script that the shell reads, as the help of `conduit completion` says. */
export function completionScript(shell: ShellName, commands: readonly LineCommand[]): string {
  return SCRIPTS[shell](commands);
}

const SCRIPTS: Readonly<Record<ShellName, (commands: readonly LineCommand[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function optionWords(command: LineCommand): string[] {
  return Object.keys(optionsOf(command)).map((name) => `--${dashed(name)}`);
}

interface Group {
  word: string;
  text: string;
  verbs: LineCommand[];
}

/** By the first word; of a command of one word there are no verbs. */
function groupsOf(commands: readonly LineCommand[]): Group[] {
  const groups = new Map<string, Group>();
  for (const command of commands) {
    const [word = '', verb] = command.name.split(' ');
    const group = groups.get(word) ?? { word, text: command.text, verbs: [] };
    if (verb !== undefined) {
      group.verbs.push(command);
      group.text = group.verbs.map(({ name }) => name.slice(word.length + 1)).join(', ');
    }
    groups.set(word, group);
  }
  return [...groups.values()];
}

function verbsOf({ word, verbs }: Group): string[] {
  return verbs.map(({ name }) => name.slice(word.length + 1));
}

function bashScript(commands: readonly LineCommand[]): string {
  const groups = groupsOf(commands);
  const many = groups.filter(({ verbs }) => verbs.length > 0);
  return [
    '# conduit completion bash',
    '_conduit() {',
    `  local cur=\${COMP_WORDS[COMP_CWORD]} one=\${COMP_WORDS[1]} two=\${COMP_WORDS[2]} words=`,
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    words='${groups.map(({ word }) => word).join(' ')} help --help --version'`,
    '  else',
    '    case "$one $two" in',
    ...commands.map(
      (command) =>
        `      '${command.name}'${command.name.includes(' ') ? '' : "' '*"}) words='${optionWords(command).join(' ')}' ;;`,
    ),
    '    esac',
    '    if [ "$COMP_CWORD" -eq 2 ]; then',
    '      case "$one" in',
    ...many.map((group) => `        ${group.word}) words='${verbsOf(group).join(' ')}' ;;`),
    '      esac',
    '    fi',
    '  fi',
    '  COMPREPLY=( $(compgen -W "$words" -- "$cur") )',
    '}',
    'complete -o default -F _conduit conduit',
    '',
  ].join('\n');
}

/** For zsh and fish: within single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** _describe takes a colon between a word and what it means. */
function described(word: string, text: string): string {
  return quoted(`${word.replaceAll(':', '\\:')}:${text}`);
}

function zshScript(commands: readonly LineCommand[]): string {
  const groups = groupsOf(commands);
  const many = groups.filter(({ verbs }) => verbs.length > 0);
  return [
    '#compdef conduit',
    '_conduit() {',
    '  local -a found',
    '  if (( CURRENT == 2 )); then',
    `    found=(${groups.map(({ word, text }) => described(word, text)).join(' ')})`,
    '  elif (( CURRENT == 3 )) && [[ $words[3] != -* ]]; then',
    '    case $words[2] in',
    ...many.map(
      (group) =>
        `      ${group.word}) found=(${group.verbs.map(({ name, text }) => described(name.slice(group.word.length + 1), text)).join(' ')}) ;;`,
    ),
    '    esac',
    '  fi',
    '  if (( $#found )); then _describe conduit found; return; fi',
    '  case "$words[2] $words[3]" in',
    ...commands.map(
      (command) =>
        `    ${quoted(command.name)}${command.name.includes(' ') ? '' : "' '*"}) found=(${optionWords(command).join(' ')}) ;;`,
    ),
    '  esac',
    '  if [[ $words[CURRENT] == -* ]]; then compadd -- $found; else _files; fi',
    '}',
    'if [[ $funcstack[1] == _conduit ]]; then _conduit "$@"; else compdef _conduit conduit; fi',
    '',
  ].join('\n');
}

function fishScript(commands: readonly LineCommand[]): string {
  const lines = groupsOf(commands).flatMap((group) => [
    `complete -c conduit -n __fish_use_subcommand -f -a ${group.word} -d ${quoted(group.text)}`,
    ...group.verbs.map(({ name, text }) => {
      const none = `__fish_seen_subcommand_from ${group.word}; and not __fish_seen_subcommand_from ${verbsOf(group).join(' ')}`;
      const verb = name.slice(group.word.length + 1);
      return `complete -c conduit -n ${quoted(none)} -f -a ${verb} -d ${quoted(text)}`;
    }),
  ]);
  const options = commands.flatMap((command) => {
    const seen = command.name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ');
    return Object.entries(optionsOf(command)).map(([name, { kind, text }]) => {
      const takes = kind === 'flag' ? '' : ' -x';
      return `complete -c conduit -n ${quoted(seen)} -l ${dashed(name)}${takes} -d ${quoted(text)}`;
    });
  });
  return ['# conduit completion fish', ...lines, ...options, ''].join('\n');
}
