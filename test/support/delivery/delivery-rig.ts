/**
 * What a worker delivers from, with the real pieces, over a log that can become another one while pages of
 * it are being read. What is handed to the acceptor is kept as it was packed; the test answers in its place.
 */
import { systemClock } from '../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import type { LogRow } from '../../../src/core/message.js';
import type { TopicRecord } from '../../../src/core/topic-record.js';
import type { LogPage, ReadRange } from '../../../src/log/contract/message-log.js';
import type { LinkPort } from '../../../src/thread/link.js';
import {
  readDeliver,
  readDeliverGroup,
  readJoin,
  readLeave,
} from '../../../src/thread/ops/deliver.js';
import { ENCODING_JSON } from '../../../src/thread/ops/encoding.js';
import { readFailed } from '../../../src/thread/ops/failed.js';
import { type GapOp, readGap } from '../../../src/thread/ops/gap.js';
import { readGive } from '../../../src/thread/ops/give.js';
import {
  OP_CAUGHT_UP,
  OP_DELIVER,
  OP_DELIVER_GROUP,
  OP_FAILED,
  OP_GAP,
  OP_GIVE,
  OP_JOIN,
  OP_LEAVE,
  OP_SOUGHT,
} from '../../../src/thread/ops/opcodes.js';
import { readSought } from '../../../src/thread/ops/sought.js';
import { readCaughtUp } from '../../../src/thread/ops/subscribe.js';
import { PackReader } from '../../../src/thread/packing/pack-reader.js';
import { Delivery } from '../../../src/topic/delivery/delivery.js';
import { LocalOutlet } from '../../../src/topic/delivery/local-outlet.js';
import { Figures } from '../../../src/topic/state/figures.js';
import { HotCacheBudget } from '../../../src/topic/state/hot-cache.js';
import {
  Subscription,
  type SubscriptionOptions,
  type Topic,
  type Tracker,
} from '../../../src/topic/state/subscription.js';
import { Topics } from '../../../src/topic/state/topics.js';
import { TrackerOf } from '../../../src/topic/state/tracker.js';
import { topicWith } from '../../contract/subscription-store.js';
import { openMemoryStore, type TestMemoryLog } from '../log/memory-log.js';

/** What the acceptor was handed. */
export interface Handed {
  op: 'deliver' | 'group' | 'give' | 'join' | 'leave' | 'sought' | 'gap' | 'caught_up' | 'failed';
  /** Of a group: 0. */
  subscription: number;
  /** `old7` is message 7 of the first log, `new7` of the next. */
  messages: string[];
  gap?: GapOp;
}

export class DeliveryRig {
  /** What the topic and its subscriptions are stored in; pages are not read of it. */
  readonly log: TestMemoryLog['log'];
  readonly topics: Topics;
  readonly topic: Topic;
  readonly delivery: Delivery;
  readonly outlet: LocalOutlet;
  /** In the order it came. */
  readonly handed: Handed[] = [];
  /** Reads asked for so far. */
  reads = 0;
  /** Times that what another node told made the head be read. */
  doubts = 0;
  /** `told`: other nodes tell what they commit. */
  #log = { name: 'old', head: 0, told: false };
  /** What reads wait for, after they have taken what they answer. */
  #gate: Promise<void> = Promise.resolve();

  private constructor(
    log: TestMemoryLog['log'],
    { record, hotCacheBytes }: { record: TopicRecord; hotCacheBytes: number },
  ) {
    this.log = log;
    this.#log.head = record.lastSequence;
    const topics = new Topics({
      ...{ find: async () => null, epochOf: () => `1-${this.#log.name}`, clock: systemClock },
      budget: new HotCacheBudget(hotCacheBytes),
      figures: new Figures(systemClock),
      onReplaced: () => undefined,
    });
    this.topics = topics;
    this.topic = topics.met(record);
    const read = (range: ReadRange): Promise<LogPage> => this.#read(range);
    this.delivery = new Delivery({
      ...{ clock: systemClock, limits: DEFAULT_LIMITS, topics, read, readNewest: read },
      ...{ store: log.subscriptions, onLost: () => undefined, onTrouble: () => undefined },
      onSilent: () => undefined,
      others: {
        tell: () => this.#log.told,
        doubt: (topic) => {
          this.doubts++;
          this.delivery.headSeen(topic, this.#log.head);
        },
      },
    });
    const port = {
      on: () => port,
      postMessage: (packed: ArrayBuffer) => this.#take(new PackReader(packed)),
      close: () => undefined,
    };
    this.outlet = new LocalOutlet({
      ...{ port: port as unknown as LinkPort, acceptor: 0, limits: DEFAULT_LIMITS },
      handler: { handle: () => undefined, endTurn: () => undefined },
    });
  }

  /** A topic of `head` messages; stopped at the test's end. */
  static async start(
    t: { teardown(end: () => unknown): void },
    head: number,
    hotCacheBytes: number = DEFAULT_LIMITS.hotCacheBytesMax,
  ): Promise<DeliveryRig> {
    const store = await openMemoryStore();
    const { log } = store;
    const { id } = await topicWith(store, head);
    const record = (await log.heads([id])).get(id);
    if (record === undefined) throw new Error('the topic was made');
    const rig = new DeliveryRig(log, { record, hotCacheBytes });
    t.teardown(async () => {
      await rig.delivery.stop(100);
      await log.close();
    });
    return rig;
  }

  /** An ephemeral subscription that is tracked. */
  tracker(): Tracker {
    const rule = { ackWaitMs: 30_000, maxDeliver: 5 };
    const { random } = systemClock;
    const { topic } = this;
    return new TrackerOf({
      ...{ topic, durable: null, rule, ordering: 'none', parkedMax: 100, random, ackFloor: 0 },
    });
  }

  subscribe(number: number, options: Partial<SubscriptionOptions> = {}): Subscription {
    const { topic, outlet } = this;
    const { tracker = null } = options;
    const subscription = new Subscription({
      ...{ outlet, session: number, number, topic, encoding: ENCODING_JSON, tracker, origin: 's' },
      ...{ ack: tracker === null ? 'none' : 'explicit', maxInFlight: null },
      ...{ inFlightMaxDefault: 256, delivered: 0, ...options },
    });
    topic.remember(subscription);
    const subscriptions = new Set([subscription]);
    this.delivery.open(subscription, { key: number, state: 'open', subscriptions, asks: null });
    return subscription;
  }

  /** The next message of the log is committed here. */
  publish(): void {
    this.#log.head++;
    this.delivery.accept(this.topic, [this.#row(this.#log.head)]);
  }

  /** Another node wrote `count` messages, and will tell of them, or not. */
  written(count: number): void {
    this.#log.told = true;
    this.#log.head += count;
  }

  /** What another node tells: these messages. */
  told(from: number, to: number): void {
    const count = to - from + 1;
    const rows = Array.from({ length: count }, (_, n) => this.#row(from + n));
    this.delivery.told(this.topic, rows);
  }

  /** This node committed what is `sequence` in the log. */
  committed(sequence: number): void {
    this.delivery.accept(this.topic, [this.#row(sequence)]);
  }

  /** Another node wrote `count` messages, and the head check saw them. */
  foreign(count: number): void {
    this.#log.head += count;
    this.delivery.headSeen(this.topic, this.#log.head);
  }

  given({ number }: Subscription, taken: number): void {
    this.delivery.given(this.outlet, { subscription: number, topicNo: this.topic.no, taken });
    this.delivery.endTurn();
  }

  left({ number }: Subscription, op: { round: number; lastSequence: number }): void {
    this.delivery.left(this.outlet, { subscription: number, topicNo: this.topic.no, ...op });
    this.delivery.endTurn();
  }

  drained({ number }: Subscription): void {
    this.delivery.drained(this.outlet, { subscription: number, topicNo: this.topic.no });
    this.delivery.endTurn();
  }

  /** Reads that begin from now on are answered, with what they found, when the result is called. */
  holdReads(): () => void {
    let release = (): void => undefined;
    this.#gate = new Promise((resolve) => {
      release = resolve;
    });
    return () => {
      release();
      this.#gate = Promise.resolve();
    };
  }

  /** Another log of `head` messages answers, the same up to `common`; the worker hears of it at once. */
  fallBack(common: number, head: number): void {
    const { topic } = this;
    const lost = { from: common + 1, to: topic.head, reason: 'failover' as const };
    this.#log = { name: 'new', head, told: false };
    topic.epoch = '1-new';
    topic.ahead.clear();
    topic.cache.clear();
    topic.head = head;
    this.delivery.fallBack(topic, common, lost);
  }

  /** Everything that the subscription was handed alone, in order. */
  messagesTo({ number }: Subscription): string[] {
    const own = this.handed.filter(({ subscription }) => subscription === number);
    return own.flatMap(({ messages }) => messages);
  }

  /** Names of messages of the log that answers now, both ends included. */
  messages(from: number, to: number): string[] {
    return Array.from({ length: to - from + 1 }, (_, i) => `${this.#log.name}${from + i}`);
  }

  #row(sequence: number): LogRow {
    return {
      ...{ sequence, messageId: Buffer.alloc(16, sequence), publishedAtMs: 1, contentType: 0 },
      ...{ payload: Buffer.from(`"${this.#log.name}${sequence}"`), key: null, headers: null },
      expiresAtMs: 0,
    };
  }

  async #read({ fromSequence, toSequence, rowsMax }: ReadRange): Promise<LogPage> {
    this.reads++;
    const { head } = this.#log;
    const to = Math.min(toSequence, head, fromSequence + rowsMax - 1);
    const rows: LogRow[] = [];
    for (let sequence = fromSequence; sequence <= to; sequence++) rows.push(this.#row(sequence));
    await this.#gate;
    return { rows, firstSequence: 1, lastSequence: head };
  }

  #take(reader: PackReader): void {
    while (!reader.done) {
      const one = this.#one(reader.u8(), reader);
      this.handed.push({ subscription: 0, messages: [], ...one });
    }
  }

  #one(op: number, reader: PackReader): Pick<Handed, 'op'> & Partial<Handed> {
    if (op === OP_DELIVER) return { op: 'deliver', ...framesOf(readDeliver(reader)) };
    if (op === OP_GIVE) return { op: 'give', ...framesOf(readGive(reader)) };
    if (op === OP_DELIVER_GROUP) {
      return { op: 'group', messages: messagesIn(readDeliverGroup(reader).frames) };
    }
    if (op === OP_JOIN) return { op: 'join', subscription: readJoin(reader).subscription };
    if (op === OP_LEAVE) return { op: 'leave', subscription: readLeave(reader).subscription };
    if (op === OP_SOUGHT) return { op: 'sought', subscription: readSought(reader).subscription };
    if (op === OP_CAUGHT_UP) {
      return { op: 'caught_up', subscription: readCaughtUp(reader).subscription };
    }
    if (op === OP_FAILED) {
      readFailed(reader);
      return { op: 'failed' };
    }
    if (op !== OP_GAP) throw new Error(`unexpected operation ${op}`);
    const gap = readGap(reader);
    return { op: 'gap', subscription: gap.subscription, gap };
  }
}

function framesOf(op: {
  subscription: number;
  frames: Uint8Array;
}): Pick<Handed, 'subscription' | 'messages'> {
  return { subscription: op.subscription, messages: messagesIn(op.frames) };
}

function messagesIn(frames: Uint8Array): string[] {
  return (
    Buffer.from(frames)
      .toString('utf8')
      .match(/(old|new)\d+/g) ?? []
  );
}
