/**
 * Publishes lines in batches, one after another and in their order. Payloads go as they were typed, byte for
 * byte. What a node cannot take now is tried again under the same dedupe keys, so nothing is stored twice.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs } from '../../core/backoff.js';
import { CommandFailure } from '../terminal/failure.js';
import { isRow, type Row } from '../terminal/table.js';
import { itemTexts } from './json-items.js';
import type { ApiAnswer, NodeApi } from './node-api.js';

const BATCH_ITEMS = 500;
const BATCH_CHARS = 512 * 1_024;
const BACKOFF = { firstMs: 100, capMs: 2_000 };

/** Members of a publish, in the words of the API, beside topic, payload and dedupe_key. */
export type PublishMembers = Readonly<Record<string, unknown>>;

export interface PublishedLine {
  number: number;
  /** JSON. */
  payload: string;
}

export interface LinePublisherOptions {
  api: NodeApi;
  topic: string;
  members: PublishMembers;
  retryMs: number;
  /** No try begins after it. */
  end: AbortSignal;
  /** A result that was told, as JSON on one line. */
  onResult: (text: string) => void;
  /** Of a line that was refused for good; throws to end it all. */
  onRefused: (number: number, problem: Row) => void;
}

export class LinePublisher {
  readonly #options: LinePublisherOptions;
  /** Of the dedupe keys. */
  readonly #run = randomUUID();
  published = 0;

  constructor(options: LinePublisherOptions) {
    this.#options = options;
  }

  /** Resolves once they are committed, or told as refused. Rejects CommandFailure. */
  async publish(lines: readonly PublishedLine[]): Promise<void> {
    for (let from = 0; from < lines.length; ) {
      let to = from;
      let chars = 0;
      while (to < lines.length && to - from < BATCH_ITEMS && chars < BATCH_CHARS) {
        chars += lines[to]?.payload.length ?? 0;
        to++;
      }
      await this.#batch(lines.slice(from, to));
      from = to;
    }
  }

  async #batch(lines: readonly PublishedLine[]): Promise<void> {
    const { retryMs, end } = this.#options;
    const giveUpAt = performance.now() + retryMs;
    let left = lines;
    for (let attempt = 1; left.length > 0; attempt++) {
      const outcome = await this.#try(left);
      left = outcome.again;
      const { why } = outcome;
      if (left.length === 0) return;
      if (why !== null && (end.aborted || performance.now() >= giveUpAt)) throw why;
      await delay(backoffMs(attempt, BACKOFF, Math.random), null, { signal: end }).catch(
        () => null,
      );
    }
  }

  /** `again`: lines that may be taken later, and why they were not. */
  async #try(
    lines: readonly PublishedLine[],
  ): Promise<{ again: readonly PublishedLine[]; why: CommandFailure | null }> {
    try {
      const { api } = this.#options;
      const body = lines.map((line) => this.#item(line)).join('\n');
      const headers = { 'content-type': 'application/x-ndjson' };
      const request = { method: 'POST', body, headers } as const;
      return this.#told(lines, await api.ask('/api/publish/batch', request));
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      if (error.exitCode === 3) return { again: lines, why: error };
      if (error.problem['status'] !== 413 || lines.length === 1) throw error;
      const half = Math.ceil(lines.length / 2);
      await this.#batch(lines.slice(0, half));
      await this.#batch(lines.slice(half));
      return { again: [], why: null };
    }
  }

  #item({ number, payload }: PublishedLine): string {
    const { topic, members } = this.#options;
    const around = JSON.stringify({ topic, dedupe_key: `${this.#run}:${number}`, ...members });
    return `${around.slice(0, -1)},"payload":${payload}}`;
  }

  #told(lines: readonly PublishedLine[], { text, body }: ApiAnswer) {
    const { onResult, onRefused } = this.#options;
    const results = Array.isArray(body['results']) ? body['results'] : [];
    const texts = itemTexts(text, 'results');
    const again: PublishedLine[] = [];
    let why: CommandFailure | null = null;
    lines.forEach((line, at) => {
      const result: unknown = results[at];
      const error: unknown = isRow(result) ? result['error'] : { code: 'no_result', detail: '' };
      if (!isRow(error)) {
        this.published++;
        onResult(texts[at] ?? '');
      } else if (error['retryable'] === true) {
        again.push(line);
        why = new CommandFailure(3, `line ${line.number}: ${lineOf(error)}`, { ...error });
      } else onRefused(line.number, error);
    });
    return { again, why };
  }
}

/** A problem on one line. */
export function lineOf({ code, detail, message, field }: Row): string {
  const place = typeof field === 'string' ? `${field}: ` : '';
  return `${place}${String(detail ?? message ?? '')} (${String(code)})`;
}
