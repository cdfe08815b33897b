/** The whole terminal: its second buffer, so that what was there is there again; keys as they are pressed. */
import { emitKeypressEvents, type Key } from 'node:readline';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const COLUMNS = 80;
const ROWS = 24;
const CLEAR_BELOW = '\u001b[J';

export class Screen {
  readonly #onKey: (key: string) => void;
  #state: 'closed' | 'open' = 'closed';
  readonly #restore = (): void => this.close();
  readonly #pressed = (text: string | undefined, key: Key): void => {
    // In raw mode no signal comes of it.
    if (key.ctrl === true && key.name === 'c') process.kill(process.pid, 'SIGINT');
    else this.#onKey(text ?? key.name ?? '');
  };

  /** `onKey`: a character, or the name of a key such as `up`. */
  constructor(onKey: (key: string) => void) {
    this.#onKey = onKey;
  }

  open(): void {
    this.#state = 'open';
    process.stdout.write(ENTER);
    // However the process ends, the terminal is as it was.
    process.once('exit', this.#restore);
    if (!process.stdin.isTTY) return;
    emitKeypressEvents(process.stdin);
    process.stdin.setRawMode(true);
    process.stdin.on('keypress', this.#pressed);
    process.stdin.resume();
  }

  get size(): { columns: number; rows: number } {
    const { columns, rows } = process.stdout;
    // A terminal that does not know its size says 0.
    return { columns: columns || COLUMNS, rows: rows || ROWS };
  }

  /** Lines from the top; what has no room is cut off. */
  draw(lines: readonly string[]): void {
    if (this.#state === 'closed') return;
    const { columns, rows } = this.size;
    const shown = lines.slice(0, rows).map((line) => `${line.slice(0, columns)}${CLEAR_LINE}`);
    process.stdout.write(`${HOME}${shown.join('\r\n')}${CLEAR_BELOW}`);
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    process.off('exit', this.#restore);
    process.stdout.write(LEAVE);
    if (!process.stdin.isTTY) return;
    process.stdin.off('keypress', this.#pressed);
    process.stdin.setRawMode(false);
    process.stdin.pause();
  }
}
