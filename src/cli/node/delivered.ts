/** A message that was delivered, as `sub` and `tail` show it. */
import type { LineOptions } from '../line/command.js';
import { cellOf, JsonText } from '../terminal/printable.js';
import type { Shell } from '../terminal/shell.js';
import type { Row } from '../terminal/table.js';

/** Of both commands. */
export const DELIVERY_OPTIONS = {
  from: {
    kind: 'text',
    value: 'PLACE',
    text: 'Where to begin: latest (as without it), earliest, a sequence, or a time.',
  },
  count: { kind: 'integer', min: 1, max: 1_000_000_000, text: 'Ends after so many messages.' },
  payload: { kind: 'flag', text: 'Shows payloads alone, one a line, as they were published.' },
} as const satisfies LineOptions;

/** In the words of frames; payload: a JsonText, or what JSON.parse made of it. */
export interface DeliveredMessage extends Row {
  readonly topic: unknown;
  readonly sequence: unknown;
  readonly payload: unknown;
}

export class DeliveryPrinter {
  readonly #shell: Shell;
  readonly #shows: 'payloads' | 'messages';
  readonly #max: number;
  #shown = 0;

  constructor(shell: Shell, { payload, count }: { payload: boolean; count: number | null }) {
    this.#shell = shell;
    this.#shows = payload ? 'payloads' : 'messages';
    this.#max = count ?? Number.POSITIVE_INFINITY;
  }

  /** All that were asked for were shown. */
  get isDone(): boolean {
    return this.#shown >= this.#max;
  }

  show(message: DeliveredMessage): void {
    this.#shown++;
    const payload = textOf(message.payload);
    if (this.#shows === 'payloads') this.#shell.printJson(payload);
    else if (this.#shell.mode === 'json') {
      const around = JSON.stringify({ ...message, payload: undefined });
      this.#shell.printJson(`${around.slice(0, -1)},"payload":${payload}}`);
    } else {
      const { topic, sequence, attempt, key } = message;
      const more = [
        ...(key === undefined ? [] : [`key ${cellOf(key)}`]),
        ...(attempt === undefined || attempt === 1 ? [] : [`attempt ${cellOf(attempt)}`]),
      ];
      const place = `${cellOf(topic)} ${cellOf(sequence)}`;
      const about = more.length === 0 ? '' : ` (${more.join(', ')})`;
      this.#shell.print(`${place}${about} ${cellOf(new JsonText(payload))}`);
    }
  }
}

function textOf(payload: unknown): string {
  return payload instanceof JsonText ? payload.text : JSON.stringify(payload ?? null);
}
