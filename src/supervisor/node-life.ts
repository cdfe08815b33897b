/**
 * The life of the process: what it owns, why it ends, and the end. What was started last is stopped
 * first, all within SHUTDOWN_TIMEOUT_MS. A second signal, or a fault of the main thread, halts
 * instead: nothing is waited for but the sockets' close, without which Node.js aborts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../observe/logger.js';
import { onSignals } from './signals.js';
import { startExitCode } from './start-refused.js';

const HALT_MS = 500;
const EXIT_FAULT = 1;

export interface Owned {
  /** Ends it in order. */
  stop(): Promise<void>;
  /** What its stop could not bring to its end, so far; null or absent: nothing. */
  readonly left?: string | null;
  /** Ends it at once; absent: it can be left as it is. */
  halt?(): Promise<void>;
}

export interface EndCause {
  exitCode: number;
  /** Null: a signal, nothing to complain of. */
  line: string | null;
}

export interface NodeLifeOptions {
  logger: Logger;
  shutdownTimeoutMs: number;
  /** One line for the operator. */
  complain: (line: string) => void;
}

/** The start was given up, since the end was asked for. */
class Overtaken extends Error {}

export class NodeLife {
  readonly #options: NodeLifeOptions;
  readonly #owned: Owned[] = [];
  readonly #ended: Promise<EndCause>;
  #resolveEnded: (cause: EndCause) => void = () => undefined;
  #state: 'living' | 'ending' = 'living';
  /** What SIGHUP does; null: nothing. */
  onHangUp: (() => void) | null = null;

  constructor(options: NodeLifeOptions) {
    this.#options = options;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#listen();
  }

  /** Runs `start`, waits for a cause to end, ends. Resolves with the exit code. */
  async run(start: () => Promise<void>): Promise<number> {
    try {
      await start();
    } catch (error) {
      // When the end was asked for, a start that fails is its consequence.
      if (this.#state === 'living') this.end(causeOf(error));
    }
    const { exitCode } = await this.#ended;
    const ended = await this.#stop(exitCode);
    this.#options.logger.flush();
    this.#options.logger.tell('node.ended', { exit_code: ended });
    return ended;
  }

  /**
   * Takes charge of what has been started. Throws, and so ends the start, when the node is ending.
   */
  owns<T extends Owned>(started: T): T {
    this.#owned.unshift(started);
    if (this.#state === 'ending') throw new Overtaken();
    return started;
  }

  /** `work`, or a rejection as soon as the node is ending. For what may take long or for ever. */
  untilEnd<T>(work: Promise<T>): Promise<T> {
    const overtaken = this.#ended.then((): never => {
      throw new Overtaken();
    });
    return Promise.race([work, overtaken]);
  }

  /** Asks for the end. The first cause counts. */
  end(cause: EndCause): void {
    if (this.#state === 'ending') return;
    this.#state = 'ending';
    const { line, exitCode } = cause;
    if (line !== null) {
      this.#options.logger.tell('node.refused', { exit_code: exitCode, cause: line });
      this.#options.complain(line);
    }
    this.#resolveEnded(cause);
  }

  /** As at SIGTERM, by its API. */
  readonly drain = (): void => {
    if (this.#state === 'living') this.#tellDrain('POST /api/nodes/:id/drain');
    this.end({ line: null, exitCode: 0 });
  };

  #tellDrain(by: string): void {
    this.#options.logger.tell('node.draining', { by });
  }

  async #stop(exitCode: number): Promise<number> {
    const { complain, shutdownTimeoutMs } = this.#options;
    const stopped = await Promise.race([this.#stopOwned(), delay(shutdownTimeoutMs, 'too late')]);
    if (stopped === 'clean') return exitCode;
    if (stopped === 'too late') {
      complain(`the node did not stop within SHUTDOWN_TIMEOUT_MS=${shutdownTimeoutMs}`);
      for (const { left } of this.#owned) if (left != null) complain(left);
    }
    await this.#halt();
    return exitCode === 0 ? EXIT_FAULT : exitCode;
  }

  async #stopOwned(): Promise<'clean' | 'not clean'> {
    let how: 'clean' | 'not clean' = 'clean';
    for (const owned of this.#owned) {
      try {
        await owned.stop();
      } catch (error) {
        how = 'not clean';
        this.#options.complain(`the node did not stop cleanly: ${messageOf(error)}`);
      }
    }
    return how;
  }

  /**
   * A thread that hangs cannot close its sockets: then only SIGKILL ends the process without a
   * dump.
   */
  async #halt(): Promise<void> {
    const halts = this.#owned.map((owned) => owned.halt?.());
    const halted = await Promise.race([Promise.allSettled(halts), delay(HALT_MS, 'hangs')]);
    if (halted === 'hangs') process.kill(process.pid, 'SIGKILL');
  }

  #exitNow(exitCode: number): void {
    this.#halt().then(
      () => process.exit(exitCode),
      () => process.exit(exitCode),
    );
  }

  #listen(): void {
    const { logger, complain } = this.#options;
    onSignals({
      onFirst: (signal) => {
        this.#tellDrain(signal);
        this.end({ exitCode: 0, line: null });
      },
      onSecond: (exitCode) => this.#exitNow(exitCode),
      onHangUp: () => {
        if (this.onHangUp === null) logger.tell('signal.ignored', { signal: 'SIGHUP' });
        else this.onHangUp();
      },
    });
    // Node.js would print them, in several lines, between the lines of the log.
    process
      .removeAllListeners('warning')
      .on('warning', (warning) => logger.tell('process.warning', {}, warning.message));
    process.on('uncaughtException', (error) => {
      logger.tell('main.fault', { err: error });
      complain(`a fault of the main thread: ${messageOf(error)}`);
      this.#exitNow(EXIT_FAULT);
    });
  }
}

function causeOf(error: unknown): EndCause {
  return { exitCode: startExitCode(error), line: messageOf(error) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
