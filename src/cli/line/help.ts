/** What help says, made from the table of commands. */

import { EXIT_CODES } from '../terminal/failure.js';
import {
  COMMON_OPTIONS,
  dashed,
  type LineCommand,
  type LineOptions,
  optionsOf,
  valueName,
} from './command.js';

/** The whole command: a line for each. `group`: only of the commands that begin with that word. */
export function overview(commands: readonly LineCommand[], group: string | null = null): string {
  const shown = commands.filter(({ name }) => group === null || name.startsWith(`${group} `));
  const rows = shown.map(({ name, takes, text }) => [[name, ...takes].join(' '), text] as const);
  const usage = `usage: conduit ${group ?? '<command>'}${group === null ? '' : ' <command>'} [options]`;
  return [
    usage,
    '',
    ...columns(rows),
    '',
    `conduit <command> --help says more, with an example. ${ENVIRONMENT_TEXT}`,
    '',
    'exit codes',
    ...columns(EXIT_CODES.map(({ code, text }) => [String(code), text] as const)),
    '',
  ].join('\n');
}

/** Where the node and the key come from. */
export const ENVIRONMENT_TEXT =
  'The node is CONDUIT_URL (http://localhost:8080\nwithout it), the API key CONDUIT_API_KEY; ' +
  'with CONDUIT_CONTEXT=prod, or --context prod, they are\nCONDUIT_URL_PROD and CONDUIT_API_KEY_PROD.';

export function helpOf(command: LineCommand): string {
  const { name, takes, text, more, example } = command;
  return [
    `usage: ${usageOf(command)}`,
    '',
    text,
    ...(more === undefined ? [] : ['', more]),
    '',
    'options',
    ...columns(optionRows(optionsOf(command))),
    '',
    takes.length > 0 || name.includes(' ') ? 'example' : 'for example',
    `  ${example}`,
    '',
  ].join('\n');
}

export function usageOf({ name, takes, options }: LineCommand): string {
  const own = Object.keys(options).length > 0 ? ['[options]'] : [];
  return ['conduit', name, ...own, ...takes].join(' ');
}

/** What each is written like, and what it does. */
export function optionRows(options: LineOptions): (readonly [string, string])[] {
  return Object.entries(options).map(([name, option]) => {
    const value = valueName(option);
    const written = `--${dashed(name)}${value === null ? '' : ` ${value}`}`;
    const more = option.kind === 'list' ? ' May be given several times.' : '';
    return [written, `${option.text}${more}`] as const;
  });
}

/** For docs/cli.md, which tells of them once. */
export const COMMON_ROWS = optionRows(COMMON_OPTIONS);

const FIRST_COLUMN_MAX = 34;

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(FIRST_COLUMN_MAX, Math.max(...rows.map(([first]) => first.length)));
  return rows.map(([first, text]) =>
    first.length > width
      ? `  ${first}\n  ${' '.repeat(width)}  ${text}`
      : `  ${first.padEnd(width)}  ${text}`,
  );
}
