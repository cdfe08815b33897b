/**
 * What a command is run in: its environment, its output, and when it has to end. One for a process, made by
 * src/cli/conduit.ts. What was asked for goes to stdout, all else to stderr.
 */
import type { Environment } from '../../config/environment.js';
import { printable, printableJson } from './printable.js';

/** By the convention of shells: 128 and SIGINT's number. */
const EXIT_INTERRUPTED = 130;
const EXIT_TERMINATED = 143;

export interface ShellOptions {
  env: Environment;
  version: string;
  /** Where package.json lies. */
  packageFolder: string;
  /** json: as --json asks for. */
  mode: 'people' | 'json';
}

export class Shell {
  readonly env: Environment;
  readonly version: string;
  readonly packageFolder: string;
  readonly mode: 'people' | 'json';
  readonly #end = new AbortController();
  /** left: nobody minds that stdout is closed. */
  #life: 'plain' | 'ended in order' | 'left' = 'plain';

  constructor({ env, version, packageFolder, mode }: ShellOptions) {
    this.env = env;
    this.version = version;
    this.packageFolder = packageFolder;
    this.mode = mode;
    process.stdout.on('error', (error: NodeJS.ErrnoException) => this.#outputBroke(error));
    // Whoever closed stderr does not want to know.
    process.stderr.on('error', () => undefined);
  }

  /** What stdout is. */
  get output(): 'terminal' | 'file' {
    return process.stdout.isTTY ? 'terminal' : 'file';
  }

  /** Text for people, or lines for machines, as it is. */
  print(text: string): void {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** A JSON text on one line. */
  printJson(text: string): void {
    process.stdout.write(`${printableJson(text)}\n`);
  }

  /** The first line of `text`, on stderr. */
  complain(text: string): void {
    process.stderr.write(`conduit: ${printable(text.split('\n', 1)[0] ?? '')}\n`);
  }

  /** A failure, as --json has it. */
  complainJson(problem: Readonly<Record<string, unknown>>): void {
    process.stderr.write(`${printableJson(JSON.stringify(problem))}\n`);
  }

  /**
   * From now on the command ends in order when it is aborted: by Ctrl-C or SIGTERM (the second one ends the
   * process at once), or when whoever read stdout has gone.
   */
  end(): AbortSignal {
    if (this.#life === 'plain') {
      this.#life = 'ended in order';
      this.#endOn('SIGINT', EXIT_INTERRUPTED);
      this.#endOn('SIGTERM', EXIT_TERMINATED);
    }
    return this.#end.signal;
  }

  /** Whether it was a signal, and not a reader that went away. */
  get wasInterrupted(): boolean {
    return this.#end.signal.aborted && this.#end.signal.reason === 'signal';
  }

  /** A node goes on without a reader of its output, and has signals of its own. */
  outliveReader(): void {
    this.#life = 'left';
  }

  #endOn(signal: NodeJS.Signals, exitCode: number): void {
    process.on(signal, () => {
      if (this.#end.signal.aborted) process.exit(exitCode);
      this.#end.abort('signal');
    });
  }

  #outputBroke(error: NodeJS.ErrnoException): void {
    if (this.#life === 'left') return;
    // `| head`: it has what it wanted. A full disk is another matter.
    if (error.code !== 'EPIPE') {
      this.complain(`the output cannot be written: ${error.message}`);
      process.exit(1);
    }
    if (this.#life === 'plain') process.exit(0);
    this.#end.abort('reader');
  }
}
