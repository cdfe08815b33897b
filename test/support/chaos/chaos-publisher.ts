/**
 * A publisher of a chaos test: over HTTP one at a time or in batches, or over WebSocket; each message is
 * repeated under its dedupe key until it is answered, so that every mark is one message whatever happens.
 */
import http from 'node:http';
import { openWithin } from '../clients/open-within.js';
import { request } from '../clients/publisher.js';
import type { Format, Subscriber } from '../clients/subscriber.js';
import type { SeededRandom } from '../fuzz/seeded-random.js';
import { pause } from './chaos-consumer.js';
import type { ChaosRecorder } from './chaos-recorder.js';

export interface ChaosPublisherOptions {
  name: string;
  by: 'http' | 'batch' | Format;
  /** Of a node, for each request and session anew. */
  place: () => { url: string; wsUrl: string };
  topics: readonly string[];
  random: SeededRandom;
  recorder: ChaosRecorder;
}

interface Message {
  topic: string;
  payload: { n: string };
  dedupe_key: string;
}

/** A result that says where it is; another says why not; null: no answer. */
type Result = Record<string, unknown> | null;

/** Well below the dedupe window. */
const GIVEN_UP_AFTER_MS = 60_000;
/** Longer than an answer takes of a node that is not frozen. */
const ANSWERED_WITHIN_MS = 12_000;
const OPEN_WITHIN_MS = 3_000;
const RETRY_MS = 20;
const PAUSE_MS_MAX = 30;
const BATCH_MAX = 12;

export class ChaosPublisher {
  readonly #options: ChaosPublisherOptions;
  readonly #random: SeededRandom;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  #session: Subscriber | null = null;
  #published = 0;
  #refs = 0;
  repeated = 0;

  constructor(options: ChaosPublisherOptions) {
    this.#options = options;
    this.#random = options.random.fork();
  }

  async run(until: () => boolean): Promise<void> {
    while (!until()) {
      const isMany = this.#options.by !== 'http';
      const count = isMany ? Math.ceil(this.#random.between(0, BATCH_MAX)) : 1;
      await this.#publish(Array.from({ length: count }, () => this.#message()));
      await pause(this.#random.between(0, PAUSE_MS_MAX * count));
    }
    this.#agent.destroy();
    this.#session?.close();
  }

  #message(): Message {
    const { topics } = this.#options;
    const topic = topics[Math.floor(this.#random.next() * topics.length)] ?? '';
    const mark = this.#mark();
    return { topic, payload: { n: mark }, dedupe_key: mark };
  }

  /** Its end says how consumers treat it; see fateOf. */
  #mark(): string {
    const chance = this.#random.next();
    const fate = chance < 0.01 ? 'poison' : chance < 0.02 ? 'refuse' : 'plain';
    return `${this.#options.name}-${++this.#published}-${fate}`;
  }

  async #publish(messages: readonly Message[]): Promise<void> {
    const { recorder } = this.#options;
    const until = performance.now() + GIVEN_UP_AFTER_MS;
    let left = messages;
    while (performance.now() < until) {
      const results = await this.#send(left);
      left = left.filter((message, at) => !this.#isSettled(message, results[at] ?? null));
      if (left.length === 0) return;
      this.repeated += left.length;
      await pause(RETRY_MS);
    }
    recorder.problem(`a publish (${this.#options.by}) was not answered 200 in a minute`);
  }

  /** Stored, or refused for good; else it is to be repeated. */
  #isSettled({ topic, dedupe_key: mark }: Message, result: Result): boolean {
    const { recorder, by } = this.#options;
    if (result === null) return false;
    const { code } = result;
    if (code === undefined) {
      const sequence = Number(result.sequence);
      const messageId = String(result.message_id);
      recorder.add({ type: 'published', topic, sequence, messageId, mark });
      return true;
    }
    if (result.status === 503 || TEMPORARY.has(String(code))) return false;
    recorder.problem(`a publish (${by}) was answered ${result.status} ${code}`);
    return true;
  }

  #send(messages: readonly Message[]): Promise<readonly Result[]> {
    const { by } = this.#options;
    if (by === 'http') return this.#post('/api/publish', messages[0]).then((one) => [one]);
    if (by === 'batch') return this.#postBatch(messages);
    return this.#sendFrames(messages, by);
  }

  async #postBatch(messages: readonly Message[]): Promise<readonly Result[]> {
    const body = await this.#post('/api/publish/batch', { messages });
    if (body === null || body.code !== undefined) return messages.map(() => body);
    const results = body.results as Record<string, unknown>[];
    return results.map((one) => (one.error as Record<string, unknown> | undefined) ?? one);
  }

  async #post(path: string, body: unknown): Promise<Result> {
    try {
      const answer = await request(`${this.#options.place().url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        agent: this.#agent,
        timeoutMs: ANSWERED_WITHIN_MS,
      });
      return answer.status === 200 ? answer.body : { ...answer.body, status: answer.status };
    } catch {
      return null;
    }
  }

  /** Each with a ref; answers come in any order. A session that ends has answered what it did. */
  async #sendFrames(messages: readonly Message[], format: Format): Promise<readonly Result[]> {
    const session = await this.#open(format);
    if (session === null) return [];
    const results = new Map<unknown, Result>();
    const first = this.#refs;
    session.onControl = (frame) => {
      if (frame.ref !== undefined) results.set(frame.ref, frame);
    };
    for (const message of messages) {
      session.send({ type: 'publish', ...message, ref: ++this.#refs });
    }
    const until = performance.now() + ANSWERED_WITHIN_MS;
    const isOpen = (): boolean => session.closed === null && performance.now() < until;
    while (results.size < messages.length && isOpen()) await pause(2);
    if (!isOpen()) {
      session.socket.terminate();
      this.#session = null;
    }
    session.control.length = 0;
    return messages.map((_, at) => results.get(first + at + 1) ?? null);
  }

  async #open(format: Format): Promise<Subscriber | null> {
    if (this.#session?.closed === null) return this.#session;
    this.#session = await openWithin(OPEN_WITHIN_MS, this.#options.place().wsUrl, format);
    return this.#session;
  }
}

/** What a frame's error says without a status. */
const TEMPORARY = new Set([
  'busy',
  'topic_busy',
  'log_unavailable',
  'log_read_only',
  'outcome_unknown',
  'draining',
]);
