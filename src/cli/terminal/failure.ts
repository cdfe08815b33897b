/** How a command ends when it does not do what it was asked for: one line, and an exit code. */

export const EXIT_DONE = 0;
/** What each code means; help and docs/cli.md show it. */
export const EXIT_CODES = [
  { code: EXIT_DONE, text: 'It is done; or a stream was ended by Ctrl-C, or by whoever read it.' },
  { code: 1, text: 'It was refused, or failed; the line on stderr says why.' },
  { code: 2, text: 'The command line is wrong, or what it was given to read.' },
  {
    code: 3,
    text: 'The node cannot be reached, or cannot serve now (429, 502 to 504): again later.',
  },
  { code: 4, text: 'The API key is missing, unknown, or not good for this (401, 403).' },
  { code: 5, text: 'What was named is not there (404).' },
  { code: 75, text: 'Of serve, start, migrate and grant-role: PostgreSQL was away. Again later.' },
  {
    code: 78,
    text: 'Of serve, start, migrate, config and grant-role: the configuration is wrong.',
  },
  { code: 130, text: 'Ctrl-C came before it was done.' },
] as const;

export type ExitCode = (typeof EXIT_CODES)[number]['code'];

export class CommandFailure extends Error {
  readonly exitCode: ExitCode;
  /** What a node said of it, for --json; or no more than the line. */
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(exitCode: ExitCode, message: string, problem: Record<string, unknown> = {}) {
    super(message);
    this.exitCode = exitCode;
    this.problem = problem;
  }
}

/** The line is wrong: `message` says in what, and what to do. */
export function wrongLine(message: string): CommandFailure {
  return new CommandFailure(2, message, { code: 'usage' });
}
