/**
 * The log of a node: lines on stdout, one an event of log-events.ts, as JSON or for people. Owned by the main
 * thread: other threads tell it what they have. Never on the path of a message.
 */
import { type Logger as Pino, pino, stdTimeFunctions } from 'pino';
import type { LogFormat, LogLevel } from '../config/config.js';
import { LOG_EVENTS, type LogEvent, type LogEventName, type LogFieldsOf } from './log-events.js';
import { LogOutput } from './log-output.js';
import { LogRepeats } from './log-repeats.js';
import { redactor } from './log-secrets.js';
import { prettyLine } from './pretty-line.js';

const STDOUT = 1;

export interface LoggerOptions {
  level: LogLevel;
  format: LogFormat;
  /** That must not be shown, whoever says them; null: it is unset. */
  secrets: readonly (string | null)[];
  /** Default: stdout. */
  fd?: number;
  /** How long lines that are alike are counted; default: ten seconds. */
  alikeMs?: number;
}

export class Logger {
  /** The name of this node in every line; null: it has none yet. */
  node: string | null = null;
  /** json: there is no screen on which something may be shown to a person alone. */
  readonly format: LogFormat;
  readonly #pino: Pino;
  readonly #output: LogOutput;
  readonly #repeats: LogRepeats;

  constructor({ level, format, secrets, fd = STDOUT, alikeMs }: LoggerOptions) {
    this.format = format;
    const redacted = redactor(secrets);
    const shown = (line: string): string => redacted(format === 'json' ? line : prettyLine(line));
    this.#output = new LogOutput(fd, shown);
    this.#repeats = new LogRepeats(alikeMs);
    this.#pino = pino(
      { level, base: null, timestamp: stdTimeFunctions.isoTime, serializers: { err: errOf } },
      this.#output,
    );
  }

  /** `line`: what happened, where the text of the event does not say it. */
  tell<E extends LogEventName>(name: E, fields: LogFieldsOf<E>, line?: string): void {
    const event: LogEvent = LOG_EVENTS[name];
    if (!this.#pino.isLevelEnabled(event.level)) return;
    const msg = line ?? event.text;
    const told: Readonly<Record<string, unknown>> = fields;
    const write = (suppressed: number): void => this.#write(name, told, { msg, suppressed });
    if (event.alike === null) write(0);
    else {
      const alike =
        event.fields.length === 0 ? msg : event.alike.map((field) => told[field]).join();
      this.#repeats.told(name, alike, write);
    }
  }

  /** What was counted and not written yet is written: the process ends. */
  flush(): void {
    this.#repeats.flush();
  }

  #write(
    name: LogEventName,
    fields: Readonly<Record<string, unknown>>,
    { msg, suppressed }: { msg: string; suppressed: number },
  ): void {
    const lost = this.#output.takeLost();
    if (lost > 0)
      this.#write('lines.lost', { lost }, { msg: LOG_EVENTS['lines.lost'].text, suppressed: 0 });
    const said = Object.entries(fields).filter(([, value]) => value !== null);
    this.#pino[LOG_EVENTS[name].level](
      {
        ...(this.node === null ? {} : { node: this.node }),
        ...{ event: name, ...Object.fromEntries(said) },
        ...(suppressed === 0 ? {} : { suppressed }),
      },
      msg,
    );
  }
}

/** pino's own shows every member of an error: what a driver hangs on one is nobody's to read. */
function errOf(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { message: String(thrown) };
  const { name: type, message, stack } = thrown;
  return { type, message, stack };
}
