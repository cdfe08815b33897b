/**
 * What a client does while its node is killed and restarted: publishes, and reads the same topic by three
 * subscriptions. Keeps what it was told. Runs in Node and, bundled, in a page: imports the client alone.
 */
import { type ConduitClient, ConduitError, connect } from '../../../src/client/client.js';

/** What became of one publish; `mark` is the payload's `n`. */
export interface Told {
  mark: string;
  /** unknown: it may be stored. */
  outcome: 'ok' | 'refused' | 'unknown';
  sequence: number;
  messageId: string;
}

export interface Seen {
  mark: string;
  sequence: number;
  messageId: string;
  attempt: number;
}

export interface LoadFacts {
  topic: string;
  told: Told[];
  /** By subscription, in the order in which its handler was called. */
  seen: Record<Reading, Seen[]>;
  /** Codes that the client told, and gaps. */
  errors: Record<string, number>;
  /** Connections that opened. */
  opened: number;
  /** From the attempt that succeeded to the first message, ms. */
  firstMessageMs: number[];
}

export interface LoadOptions {
  url: string;
  topic: string;
  minDelayMs: number;
  maxDelayMs: number;
}

/** How the topic is read. */
export type Reading = 'ephemeral' | 'durable' | 'ordered';
export const READINGS: readonly Reading[] = ['ephemeral', 'durable', 'ordered'];

const OPTIONS: Record<Reading, object> = {
  ephemeral: { start: 'earliest' },
  durable: { start: 'earliest', subscription: 'durable', maxDeliver: 100 },
  ordered: { start: 'earliest', subscription: 'ordered', ordering: 'topic', maxDeliver: 100 },
};
/** Long enough for every restart: a publish that resolves is what is judged. */
const PUBLISH_MS = 100_000;
const TOGETHER = 8;
const PAUSE_MS = 4;
/** Publishes that an ordered reader, which has one message at a time, has not come to. */
const AHEAD_MAX = 200;
/** One of so many handlers takes its time, so that some messages are always in flight. */
const SLOW_EVERY = 7;

export class RestartLoad {
  readonly #client: ConduitClient;
  readonly facts: LoadFacts;
  #publishing: Promise<void> | null = null;
  #state: 'on' | 'ending' = 'on';
  #attemptAtMs = 0;
  #first: 'awaited' | 'came' = 'came';

  constructor({ url, topic, ...reconnect }: LoadOptions) {
    const seen: LoadFacts['seen'] = { ephemeral: [], durable: [], ordered: [] };
    this.facts = { topic, told: [], seen, errors: {}, opened: 0, firstMessageMs: [] };
    this.#client = connect({ url, reconnect, publishTimeoutMs: PUBLISH_MS });
    this.#client.on('error', ({ code }) => this.#count(code));
    this.#client.on('gap', () => this.#count('gap'));
    this.#client.on('reconnect', ({ delayMs }) => {
      this.#attemptAtMs = performance.now() + delayMs;
    });
    this.#client.on('state', ({ to }) => {
      if (to !== 'open') return;
      this.facts.opened++;
      this.#first = this.#attemptAtMs > 0 ? 'awaited' : 'came';
    });
  }

  /** Resolves once all are subscribed and publishing has begun. */
  async start(): Promise<void> {
    const all = READINGS.map((reading) => {
      const seen = this.facts.seen[reading];
      return this.#client.subscribe<{ n: string }>(this.facts.topic, {
        ...OPTIONS[reading],
        onMessage: ({ payload, sequence, messageId, attempt }) => {
          this.#heard();
          seen.push({ mark: payload.n, sequence, messageId, attempt });
          return seen.length % SLOW_EVERY === 0 ? pause() : undefined;
        },
      });
    });
    await Promise.all(all.map((one) => one.ready()));
    this.#publishing = this.#publish();
  }

  /** What has gone on since, for who waits until all of it goes on again. */
  progress(): Record<Reading | 'told', number> {
    const { told, seen } = this.facts;
    const { ephemeral, durable, ordered } = seen;
    return {
      told: told.length,
      ephemeral: ephemeral.length,
      durable: durable.length,
      ordered: ordered.length,
    };
  }

  sawAll(rows: number): boolean {
    const distinct = (seen: readonly Seen[]): number =>
      new Set(seen.map(({ sequence }) => sequence)).size;
    return READINGS.every((reading) => distinct(this.facts.seen[reading]) >= rows);
  }

  /** Resolves when every publish has been answered. */
  async stopPublishing(): Promise<void> {
    this.#state = 'ending';
    await this.#publishing;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #publish(): Promise<void> {
    for (let round = 0; this.#state === 'on'; round++) {
      const marks = Array.from({ length: TOGETHER }, (_none, at) => `${round}-${at}`);
      await Promise.all(marks.map((mark) => this.#publishOne(mark)));
      do await pause();
      while (this.#isAhead());
    }
  }

  #isAhead(): boolean {
    const { told, ordered } = this.progress();
    return this.#state === 'on' && told > ordered + AHEAD_MAX;
  }

  async #publishOne(mark: string): Promise<void> {
    const { topic, told } = this.facts;
    try {
      const { sequence, messageId } = await this.#client.publish(topic, { n: mark });
      told.push({ mark, outcome: 'ok', sequence, messageId });
    } catch (error) {
      const code = error instanceof ConduitError ? error.code : String(error);
      this.#count(`publish: ${code}`);
      const outcome = code === 'outcome_unknown' ? 'unknown' : 'refused';
      told.push({ mark, outcome, sequence: 0, messageId: '' });
    }
  }

  #heard(): void {
    if (this.#first === 'came') return;
    this.#first = 'came';
    this.facts.firstMessageMs.push(performance.now() - this.#attemptAtMs);
  }

  #count(what: string): void {
    this.facts.errors[what] = (this.facts.errors[what] ?? 0) + 1;
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
