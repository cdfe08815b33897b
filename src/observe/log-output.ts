/**
 * Where lines of the log go: a descriptor, written at once, so that a line is out before the process ends.
 * Whoever reads it may be slow or gone: a line that cannot be written within a moment is dropped and
 * counted, and the node goes on.
 */
import { writeSync } from 'node:fs';

const TRIES_MAX = 20;
const RETRY_MS = 5;

export class LogOutput {
  readonly #fd: number;
  readonly #shown: (line: string) => string;
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));
  #lost = 0;

  /** `shown`: the line as it is to be read, from the JSON that pino makes. */
  constructor(fd: number, shown: (line: string) => string) {
    this.#fd = fd;
    this.#shown = shown;
  }

  /** Lines that were dropped since this was asked. */
  takeLost(): number {
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  write(line: string): void {
    const bytes = Buffer.from(this.#shown(line));
    let at = 0;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      try {
        at += writeSync(this.#fd, bytes, at);
        if (at === bytes.length) return;
      } catch (error) {
        // A full pipe may have room in a moment; a closed one, or a full disk, has not.
        if (!isFull(error)) break;
        Atomics.wait(this.#sleeper, 0, 0, RETRY_MS);
      }
    }
    this.#lost++;
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}
