/**
 * A consumer of a chaos test: it connects, subscribes, answers what it is given in every way the
 * protocol has, dies at random and comes back, and writes all of it down. While `calm` it lives on
 * and acknowledges everything.
 */

import { openWithin } from '../clients/open-within.js';
import type { Format, Frame, Subscriber } from '../clients/subscriber.js';
import type { SeededRandom } from '../fuzz/seeded-random.js';
import type { ChaosRecorder } from './chaos-recorder.js';

export interface ConsumerOptions {
  /** Of a node, for each session anew. */
  wsUrl: () => string;
  format: Format;
  /** null: ephemeral. */
  subscription: string | null;
  topics: readonly string[];
  settings: Readonly<Record<string, unknown>>;
  ackWaitMs: number;
  random: SeededRandom;
  recorder: ChaosRecorder;
}

/** Messages of a kind: `mark` ends in it, and every consumer treats them alike. */
export type Fate = 'plain' | 'poison' | 'refuse';

/** Faults explain them: the log is away, the answer came too late, or the frame never got there. */
const EXPLAINED = new Set([
  'unknown_delivery',
  'busy',
  'topic_busy',
  'log_unavailable',
  'outcome_unknown',
  'draining',
]);
const RETRY_MS = 50;
/** A node that is frozen answers neither a handshake nor a good-bye. */
const ANSWERED_WITHIN_MS = 3_000;
/** How many messages of a topic one cumulative ack is to settle. */
const CUMULATIVE_EVERY = 15;

export class ChaosConsumer {
  readonly #options: ConsumerOptions;
  readonly #random: SeededRandom;
  /** By topic, of the last session: what to resume from. */
  readonly #positions = new Map<string, { epoch: string; next: number }>();
  calm = false;
  #stopped = false;
  #session: ChaosSession | null = null;
  #run: Promise<void> | null = null;
  readonly counts = { terminated: 0, closed: 0, ended: 0 };

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#random = options.random.fork();
  }

  start(): void {
    this.#run = this.#live();
  }

  /** Whether its session has all of these subscriptions, and has been given all up to the heads. */
  hasAll(heads: ReadonlyMap<string, number>): boolean {
    return (
      this.#session !== null &&
      this.#options.topics.every(
        (topic) => (this.#positions.get(topic)?.next ?? 0) > (heads.get(topic) ?? 0),
      )
    );
  }

  isSubscribed(): boolean {
    return this.#session?.isSubscribed ?? false;
  }

  /** Its session, if there is one, is torn. */
  cut(): void {
    if (this.#session === null) return;
    this.counts.terminated++;
    this.#session.terminate();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#session?.close();
    await this.#run;
  }

  async #live(): Promise<void> {
    while (!this.#stopped) {
      const subscriber = await this.#open();
      if (subscriber === null) continue;
      const session = new ChaosSession(subscriber, this.#options, this.#random, {
        positions: this.#positions,
        isCalm: () => this.calm,
      });
      this.#session = session;
      if (this.#stopped) session.close();
      const death = setTimeout(() => this.#die(session), this.#random.between(500, 4_000));
      await session.ended;
      clearTimeout(death);
      this.#session = null;
      this.counts.ended++;
      await pause(this.#random.between(10, 200));
    }
  }

  async #open(): Promise<Subscriber | null> {
    const { wsUrl, format } = this.#options;
    const opened = await openWithin(ANSWERED_WITHIN_MS, wsUrl(), format);
    if (opened !== null) return opened;
    // The node is being restarted.
    await pause(RETRY_MS);
    return null;
  }

  #die(session: ChaosSession): void {
    if (this.calm || this.#stopped) return;
    if (this.#random.next() < 0.5) {
      this.counts.terminated++;
      session.terminate();
    } else {
      this.counts.closed++;
      session.close();
    }
  }
}

interface ConsumerState {
  positions: Map<string, { epoch: string; next: number }>;
  isCalm: () => boolean;
}

class ChaosSession {
  readonly ended: Promise<void>;
  readonly #connection: number;
  readonly #subscriber: Subscriber;
  readonly #options: ConsumerOptions;
  readonly #random: SeededRandom;
  readonly #state: ConsumerState;
  readonly #subscribed = new Set<string>();
  /** By topic: given and left to the next cumulative ack. */
  readonly #left = new Map<string, number>();
  #saysGoodbye = false;
  #refs = 0;

  constructor(
    subscriber: Subscriber,
    options: ConsumerOptions,
    random: SeededRandom,
    state: ConsumerState,
  ) {
    const { recorder, subscription, topics } = options;
    this.#subscriber = subscriber;
    this.#options = options;
    this.#random = random;
    this.#state = state;
    this.#connection = recorder.nextConnection();
    subscriber.keep = false;
    subscriber.onMessage = (frame) => this.#message(frame);
    subscriber.onControl = (frame) => this.#control(frame);
    const connection = this.#connection;
    recorder.add({ type: 'opened', connection, subscription, topics });
    this.ended = new Promise((resolve) => {
      subscriber.socket.once('close', (code) => {
        const clean = this.#saysGoodbye && code === 1000;
        recorder.add({ type: 'ended', connection, clean });
        resolve();
      });
    });
    for (const topic of topics) this.#subscribe(topic);
  }

  get isSubscribed(): boolean {
    return this.#subscribed.size === this.#options.topics.length;
  }

  close(): void {
    this.#saysGoodbye = true;
    this.#options.recorder.add({ type: 'ending', connection: this.#connection });
    this.#subscriber.close();
    const { socket } = this.#subscriber;
    const slow = setTimeout(() => socket.terminate(), ANSWERED_WITHIN_MS);
    socket.once('close', () => clearTimeout(slow));
  }

  terminate(): void {
    this.#options.recorder.add({ type: 'ending', connection: this.#connection });
    this.#subscriber.socket.terminate();
  }

  #subscribe(topic: string): void {
    if (!this.#isOpen) return;
    const { subscription, settings } = this.#options;
    if (this.#random.next() < 0.3) this.#state.positions.delete(topic);
    const known = this.#state.positions.get(topic);
    const resumed =
      known === undefined
        ? { from: 'latest' }
        : { from: 'sequence', sequence: known.next, epoch: known.epoch };
    const durable = { subscription, start: { from: 'earliest' } };
    const own = subscription === null ? { start: resumed } : durable;
    this.#subscriber.send({ type: 'subscribe', topic, ref: `s ${topic}`, ...settings, ...own });
  }

  #control(frame: Frame): void {
    const { recorder } = this.#options;
    const ref = String(frame.ref ?? '');
    if (frame.type === 'subscribed') this.#onSubscribed(frame);
    else if (frame.type === 'acked') {
      recorder.add({ type: 'confirmed', connection: this.#connection, ref });
    } else if (frame.type === 'error') {
      const code = String(frame.code);
      if (EXPLAINED.has(code)) recorder.refused(code);
      else recorder.problem(`${code}: ${frame.message} (${ref.slice(0, 1)})`);
      if (!ref.startsWith('s ')) return;
      setTimeout(() => this.#subscribe(ref.slice(2)), RETRY_MS);
    } else if (frame.type === 'unsubscribed') {
      recorder.problem(`unsubscribed: ${frame.reason}`);
    }
  }

  #onSubscribed(frame: Frame): void {
    const { recorder, subscription } = this.#options;
    const topic = String(frame.topic);
    const { gap, epoch } = frame;
    if (gap !== undefined) recorder.problem(`${topic}: a gap was told: ${JSON.stringify(gap)}`);
    if ((frame.subscription ?? null) !== subscription) {
      recorder.problem(`subscribed to ${frame.subscription} instead of ${subscription}`);
    }
    const resumed = subscription === null ? this.#state.positions.get(topic) : undefined;
    if (resumed !== undefined && frame.recovered !== true) {
      recorder.problem(`${topic}: resumed with recovered ${frame.recovered}`);
    }
    // The frame names the head, which is where `latest` starts.
    const position = resumed === undefined ? Number(frame.sequence) : resumed.next - 1;
    this.#state.positions.set(topic, { epoch: String(epoch), next: position + 1 });
    recorder.add({ type: 'subscribed', connection: this.#connection, topic, position });
    this.#subscribed.add(topic);
  }

  #message(frame: Frame): void {
    const { recorder, subscription } = this.#options;
    const topic = String(frame.topic);
    const sequence = Number(frame.sequence);
    const { n } = frame.payload as { n: unknown };
    const mark = String(n);
    const attempt = Number(frame.attempt);
    const messageId = String(frame.message_id);
    const connection = this.#connection;
    recorder.add({ type: 'delivered', connection, topic, sequence, messageId, mark, attempt });
    // A caught-up session shares its frames with others: they may name no subscription.
    if (frame.subscription !== undefined && frame.subscription !== subscription) {
      recorder.problem(`a message of ${frame.subscription} came to ${subscription}`);
    }
    const position = this.#state.positions.get(topic);
    if (position?.next === sequence) position.next++;
    if (this.#state.isCalm()) this.#ackNow(topic, sequence, messageId);
    else this.#answer(topic, sequence, messageId, fateOf(mark));
  }

  #answer(topic: string, sequence: number, messageId: string, fate: Fate): void {
    const chance = this.#random.next();
    if (fate === 'refuse') this.#say('reject', topic, sequence, { topic, sequence });
    else if (fate === 'poison' && chance < 0.7) {
      const nack = { topic, sequence, delay_ms: 30, reason: 'poison' };
      this.#say('nack', topic, sequence, nack);
    } else if (fate === 'poison' || chance < 0.04) {
      // Left to its deadline.
    } else if (chance < 0.08) {
      this.#say('nack', topic, sequence, { message_id: messageId, reason: 'not now' });
    } else if (chance < 0.09) {
      this.#say('reject', topic, sequence, { message_id: messageId, reason: 'never' });
    } else if (chance < 0.2) {
      this.#left.set(topic, (this.#left.get(topic) ?? 0) + 1);
    } else if (chance < 0.3) {
      const late = this.#random.between(1, this.#options.ackWaitMs * 1.5);
      setTimeout(() => this.#ackNow(topic, sequence, messageId), late);
    } else {
      this.#ackNow(topic, sequence, messageId);
    }
    if ((this.#left.get(topic) ?? 0) < CUMULATIVE_EVERY || fate !== 'plain') return;
    this.#left.delete(topic);
    this.#say('ack', topic, sequence, { topic, sequence, cumulative: true });
  }

  #ackNow(topic: string, sequence: number, messageId: string): void {
    const isById = this.#random.next() < 0.5;
    this.#say('ack', topic, sequence, isById ? { message_id: messageId } : { topic, sequence });
  }

  #say(
    verdict: 'ack' | 'nack' | 'reject',
    topic: string,
    sequence: number,
    fields: { cumulative?: boolean; [field: string]: unknown },
  ): void {
    if (!this.#isOpen) return;
    const connection = this.#connection;
    const cumulative = fields.cumulative === true;
    const ref = `${verdict} ${connection}.${++this.#refs}`;
    const { recorder } = this.#options;
    recorder.add({ type: 'said', connection, verdict, topic, sequence, cumulative, ref });
    // Now and then without: nothing confirms it then.
    const isAsked = this.#random.next() < 0.9;
    this.#subscriber.send({ type: verdict, ...fields, ...(isAsked ? { ref } : {}) });
  }

  get #isOpen(): boolean {
    return !this.#saysGoodbye && this.#subscriber.socket.readyState === 1;
  }
}

export function fateOf(mark: string): Fate {
  const fate = mark.slice(mark.lastIndexOf('-') + 1);
  return fate === 'poison' || fate === 'refuse' ? fate : 'plain';
}

/** Between one blow and the next; nothing depends on its length. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
