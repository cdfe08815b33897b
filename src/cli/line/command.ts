/**
 * What a command of the command line is: a row of the one table (src/cli/command-list.ts) from which the line
 * is read, and help, completion and docs/cli.md are made. Pure but for `run`.
 */
import type { Shell } from '../terminal/shell.js';

interface OptionText {
  /** A sentence. */
  readonly text: string;
}

/** An option by its kind; `value` is what help calls its value. */
export type LineOption =
  | (OptionText & { readonly kind: 'flag' })
  | (OptionText & { readonly kind: 'text'; readonly value: string })
  | (OptionText & { readonly kind: 'list'; readonly value: string })
  | (OptionText & { readonly kind: 'integer'; readonly min: number; readonly max: number })
  | (OptionText & { readonly kind: 'choice'; readonly choices: readonly string[] });

/** By name, in the words of the code: `fromSequence` is --from-sequence. */
export type LineOptions = Readonly<Record<string, LineOption>>;

/** null, false or an empty list: it was not given. */
export type OptionValue<O extends LineOption> = O extends { kind: 'flag' }
  ? boolean
  : O extends { kind: 'list' }
    ? readonly string[]
    : O extends { kind: 'integer' }
      ? number | null
      : string | null;

export interface AskedCommand<O extends LineOptions> {
  readonly args: readonly string[];
  readonly options: { readonly [K in keyof O]: OptionValue<O[K]> };
  readonly shell: Shell;
}

export interface CommandSpec<O extends LineOptions> {
  /** `topics create`. */
  readonly name: string;
  /** Names of its arguments: `TOPIC`, `[PAYLOAD]` may be left out, `TOPIC...` one or more, `[ID...]`. */
  readonly takes: readonly string[];
  /** A sentence. */
  readonly text: string;
  /** What else help says; lines. */
  readonly more?: string;
  /** A line that works as it stands, and is about this command. */
  readonly example: string;
  /** What it talks to: the HTTP API of a node, the database and its configuration, or nothing. */
  readonly talksTo: 'node' | 'database' | 'nothing';
  readonly options: O;
  /** Resolves with the exit code. Rejects CommandFailure, or the errors of a start. */
  run(asked: AskedCommand<O>): Promise<number>;
}

/** Any of them: the reader of the line holds what it hands over to the options of the very command. */
export type LineCommand = CommandSpec<LineOptions>;

/** The compiler holds `run` to the options. */
export function command<const O extends LineOptions>(spec: CommandSpec<O>): LineCommand {
  return spec;
}

/** Of every command. */
export const COMMON_OPTIONS = {
  json: { kind: 'flag', text: 'Answers as JSON: lists and streams one object a line.' },
  help: { kind: 'flag', text: 'Says what the command does, with an example.' },
} as const satisfies LineOptions;

/** Of those that talk to a node. */
export const NODE_OPTIONS = {
  url: { kind: 'text', value: 'URL', text: 'The node; CONDUIT_URL without it.' },
  context: { kind: 'text', value: 'NAME', text: 'Which context; CONDUIT_CONTEXT without it.' },
} as const satisfies LineOptions;

/** All that it takes, with those of its kind. */
export function optionsOf({ options, talksTo }: Pick<LineCommand, 'options' | 'talksTo'>) {
  const ofNode: LineOptions = talksTo === 'node' ? NODE_OPTIONS : {};
  return { ...options, ...ofNode, ...COMMON_OPTIONS } as LineOptions;
}

/** --from-sequence of fromSequence, without the dashes. */
export function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** What help calls the value of an option; null: it has none. */
export function valueName(option: LineOption): string | null {
  switch (option.kind) {
    case 'flag':
      return null;
    case 'integer':
      return 'N';
    case 'choice':
      return option.choices.join('|');
    default:
      return option.value;
  }
}
