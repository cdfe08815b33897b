/** Reads a command line by the table of commands. Throws CommandFailure (2) for one that is none of ours. */
import { parseArgs } from 'node:util';
import { wrongLine } from '../terminal/failure.js';
import {
  type AskedCommand,
  COMMON_OPTIONS,
  dashed,
  type LineCommand,
  type LineOption,
  type LineOptions,
  NODE_OPTIONS,
  type OptionValue,
  optionsOf,
} from './command.js';
import { suggestion } from './suggestion.js';

/** How a word of the line is shown: it may be anything. */
const SHOWN_CHARS_MAX = 60;
/** What Node.js makes of bytes of an argument that are not UTF-8. */
const REPLACED = '\ufffd';
const SHORT_FORMS: Readonly<Record<string, string>> = { h: 'help', v: 'version' };

export type Line =
  | { asks: 'help' /** null: of the whole. */; command: LineCommand | null; words: string[] }
  | { asks: 'version' }
  | { asks: 'run'; command: LineCommand };

/** Which command is meant. */
export function readLine(argv: readonly string[], commands: readonly LineCommand[]): Line {
  const first = tokensOf(argv, { ...NODE_OPTIONS, ...COMMON_OPTIONS });
  const words = first.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));
  const asked = (name: string): boolean =>
    first.some((token) => token.kind === 'option' && fullName(token.name) === name);
  const command = commandOf(words, commands);
  if (asked('help')) return { asks: 'help', command, words };
  if (words.length === 0 && asked('version')) return { asks: 'version' };
  if (words[0] === 'help') {
    const about = words.slice(1);
    return { asks: 'help', command: commandOf(about, commands), words: about };
  }
  if (command === null) throw unknownCommand(argv, words, commands);
  return { asks: 'run', command };
}

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number];

function tokensOf(argv: readonly string[], options: LineOptions): Token[] {
  const known = Object.entries(options).map(([name, { kind }]) => [
    dashed(name),
    { type: kind === 'flag' ? 'boolean' : 'string' } as const,
  ]);
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(known),
    ...{ strict: false, allowPositionals: true, tokens: true },
  });
  return tokens ?? [];
}

function fullName(name: string): string {
  return SHORT_FORMS[name] ?? name;
}

/** The longest name that the words begin with. */
function commandOf(words: readonly string[], commands: readonly LineCommand[]): LineCommand | null {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(' ');
    const found = commands.find((each) => each.name === name);
    if (found !== undefined && words.length >= length) return found;
  }
  return null;
}

function unknownCommand(
  argv: readonly string[],
  words: readonly string[],
  commands: readonly LineCommand[],
): Error {
  const [group, verb] = words;
  if (group === undefined) {
    const [option] = argv;
    if (option === undefined) return wrongLine('which command?');
    return wrongLine(`unknown command or option: ${shown(option)}`);
  }
  const ofGroup = commands.filter(({ name }) => name.startsWith(`${group} `));
  if (ofGroup.length === 0) {
    const names = [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? ''))];
    return wrongLine(`unknown command or option: ${shown(group)}${suggestion(group, names)}`);
  }
  const verbs = ofGroup.map(({ name }) => name.slice(group.length + 1));
  if (verb === undefined) return wrongLine(`${group} what? It takes ${verbs.join(', ')}`);
  const hint = suggestion(verb, verbs) || `; it takes ${verbs.join(', ')}`;
  return wrongLine(`unknown command: ${group} ${shown(verb)}${hint}`);
}

export interface LineParts {
  args: string[];
  /** By the names of the table; the kind of each is that of its option. */
  options: AskedCommand<LineOptions>['options'];
}

/** Throws CommandFailure (2) for what the command does not take. */
export function readOptions(argv: readonly string[], command: LineCommand): LineParts {
  const options = optionsOf(command);
  const names = new Map(Object.keys(options).map((name) => [dashed(name), name]));
  const values = emptyValues(options);
  const args: string[] = [];
  for (const token of tokensOf(argv, options)) {
    if (token.kind === 'positional') args.push(token.value);
    if (token.kind !== 'option') continue;
    const name = names.get(fullName(token.name));
    const option = name === undefined ? undefined : options[name];
    if (name === undefined || option === undefined) {
      throw unknownOption(token.rawName, command, [...names.keys()]);
    }
    const value = valueOfToken(token, option);
    if (option.kind === 'list') values[name] = [...given(values[name]), String(value)];
    else if (values[name] !== null && values[name] !== false) {
      throw wrongLine(`--${token.name} is given twice`);
    } else values[name] = value;
  }
  args.splice(0, command.name.split(' ').length);
  return { args: checkedArgs(args, command), options: values };
}

function given(value: OptionValue<LineOption> | undefined): readonly string[] {
  return Array.isArray(value) ? value : [];
}

function emptyValues(options: LineOptions): Record<string, OptionValue<LineOption>> {
  const none = { flag: false, list: [] as string[], text: null, integer: null, choice: null };
  return Object.fromEntries(Object.entries(options).map(([name, { kind }]) => [name, none[kind]]));
}

function unknownOption(rawName: string, { name }: LineCommand, known: readonly string[]): Error {
  const hint = suggestion(rawName.replace(/^-+/, ''), known);
  const way =
    hint === '' ? `; conduit ${name} --help lists its own` : hint.replace('mean ', 'mean --');
  return wrongLine(`unknown option: ${shown(rawName)}${way}`);
}

/** Throws where it has none that its kind takes. */
function valueOfToken(
  token: Extract<Token, { kind: 'option' }>,
  option: LineOption,
): string | number | boolean {
  const { name, value, inlineValue } = token;
  if (option.kind === 'flag') {
    if (value === undefined) return true;
    throw wrongLine(`--${name} takes no value`);
  }
  if (value === undefined || value === '') throw wrongLine(`--${name} takes a value`);
  if (inlineValue === false && value.length > 1 && value.startsWith('-')) {
    throw wrongLine(
      `--${name} takes a value; one that begins with - is written --${name}=${shown(value)}`,
    );
  }
  refuseReplaced(value, `--${name}`);
  if (option.kind === 'choice' && !option.choices.includes(value)) {
    throw wrongLine(`--${name} takes ${option.choices.join(' or ')}, not ${shown(value)}`);
  }
  return option.kind === 'integer' ? integerOf(value, name, option) : value;
}

function integerOf(
  value: string,
  name: string,
  { min, max }: Extract<LineOption, { kind: 'integer' }>,
): number {
  const number = Number(value);
  if (/^-?\d{1,16}$/.test(value) && number >= min && number <= max) return number;
  throw wrongLine(`--${name} takes an integer from ${min} to ${max}, not ${shown(value)}`);
}

/** As many as it takes. */
function checkedArgs(args: string[], { name, takes }: LineCommand): string[] {
  const usage = ['conduit', name, ...takes].join(' ');
  const required = takes.filter((each) => !each.startsWith('['));
  const missing = required[args.length];
  if (missing !== undefined && args.length < required.length) {
    throw wrongLine(`${missing.replace('...', '')} is missing: ${usage}`);
  }
  const isOpen = takes.some((each) => each.includes('...'));
  const [more] = isOpen ? [] : args.slice(takes.length);
  if (more !== undefined) throw wrongLine(`too much: ${shown(more)}; usage: ${usage}`);
  args.forEach((arg, at) => {
    refuseReplaced(arg, takes[Math.min(at, takes.length - 1)] ?? 'an argument');
  });
  return args;
}

/** It is not what was typed: the rest of a text must not be published in its place. */
function refuseReplaced(value: string, of: string): void {
  if (!value.includes(REPLACED)) return;
  throw wrongLine(`${of} is not UTF-8 (or holds U+FFFD); give a payload by stdin`);
}

function shown(word: string): string {
  const text = JSON.stringify(word.slice(0, SHOWN_CHARS_MAX));
  return text.replace(/[\x7f-\x9f]/g, '?');
}
