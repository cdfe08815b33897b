/**
 * A topic worker over a log, and an acceptor's end of its link, in the thread of a test: publishes,
 * subscribes and calls of any principal. Its sessions take all that they are given, and acknowledge
 * nothing by themselves.
 */
import { MessageChannel } from 'node:worker_threads';
import { loadConfig } from '../../../src/config/load-config.js';
import { systemClock } from '../../../src/core/clock.js';
import type { TopicKey } from '../../../src/core/topic-key.js';
import type { LogSink, MessageLog } from '../../../src/log/contract/message-log.js';
import type { BrowseReader } from '../../../src/log/postgres/browse-reader.js';
import { readAnswer, writeArgs } from '../../../src/thread/call-text.js';
import {
  type CallArgs,
  type CallName,
  type CallResult,
  isBrowseCall,
} from '../../../src/thread/calls.js';
import { AcceptorLinkEnd } from '../../../src/thread/link.js';
import * as acknowledge from '../../../src/thread/ops/acknowledge.js';
import * as call from '../../../src/thread/ops/call.js';
import * as deliver from '../../../src/thread/ops/deliver.js';
import { ENCODING_JSON } from '../../../src/thread/ops/encoding.js';
import { type FailedOp, readFailed } from '../../../src/thread/ops/failed.js';
import { readGap } from '../../../src/thread/ops/gap.js';
import * as give from '../../../src/thread/ops/give.js';
import * as opcodes from '../../../src/thread/ops/opcodes.js';
import * as publish from '../../../src/thread/ops/publish.js';
import { readSought } from '../../../src/thread/ops/sought.js';
import * as subscribe from '../../../src/thread/ops/subscribe.js';
import type { SubscribeOptions } from '../../../src/thread/ops/subscribe-options.js';
import type { PackReader } from '../../../src/thread/packing/pack-reader.js';
import type { PublishUnderWay } from '../../../src/topic/log/publishes.js';
import { Worker } from '../../../src/topic/worker.js';

type Answer = publish.PublishedOp | publish.DeferredOp | subscribe.SubscribedOp | FailedOp | object;

/** What one session was given of one subscription. */
export class TestSubscription {
  readonly number: number;
  readonly topic: TopicKey;
  /** `sequence attempt payload`, as they came. */
  readonly messages: string[] = [];
  /** Why it ended; null: it has not. */
  ended: number | null = null;
  topicNo = 0;
  isJoined = false;

  constructor(number: number, topic: TopicKey) {
    this.number = number;
    this.topic = topic;
  }

  take(frames: Uint8Array): void {
    for (const text of Buffer.from(frames).toString('utf8').split('\u001e')) {
      if (text === '') continue;
      const { sequence, payload } = JSON.parse(text) as { sequence: number; payload: unknown };
      this.messages.push(`${sequence} ${JSON.stringify(payload)}`);
    }
  }
}

export class WorkerClient {
  readonly #worker: Worker;
  readonly #link: AcceptorLinkEnd;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #subscriptions: TestSubscription[] = [];
  readonly #browsing: BrowseReader | null;
  #lastRequest = 0;

  /** `openLog` as a worker thread has it; `browsing` null: by the log itself, in memory. */
  constructor(
    openLog: (sink: LogSink<PublishUnderWay>) => MessageLog<PublishUnderWay>,
    browsing: BrowseReader | null,
  ) {
    this.#browsing = browsing;
    const { config } = loadConfig({});
    const { port1, port2 } = new MessageChannel();
    const bug = (error: unknown): never => {
      throw error;
    };
    this.#worker = new Worker({
      ...{ config, clock: systemClock, origin: 'test', owns: () => true, openLog, coldRead: null },
      backplane: null,
      takeIn: null,
      peers: null,
      ...{ onLogState: () => undefined, onTrouble: (_what, error) => bug(error) },
      ...{ onWell: () => undefined, onUnsaved: () => undefined, onBug: bug },
    });
    this.#worker.connect(0, port2);
    this.#link = new AcceptorLinkEnd({
      ...{ port: port1, worker: 0, generation: 1, limits: config.limits },
      onOp: (op, reader) => this.#handle(op, reader),
      onTurn: () => undefined,
    });
  }

  open(): Promise<void> {
    return this.#worker.start();
  }

  async close(): Promise<void> {
    await this.#worker.stop();
    this.#link.close();
    await this.#browsing?.close();
  }

  publish(key: TopicKey, payload: unknown, more: Partial<publish.PublishOp> = {}): Promise<Answer> {
    return this.#ask((request) =>
      publish.packPublish(this.#link.writer, request, key, {
        ...{ contentType: 0, payload: Buffer.from(JSON.stringify(payload)), key: null },
        ...{ headers: null, dedupeKey: null, ttlMs: 0, delayMs: 0, deliverAtMs: 0, ...more },
      }),
    );
  }

  /** From the start of the topic; `name` null: not durable. Rejects what is refused. */
  async subscribe(key: TopicKey, name: string | null): Promise<TestSubscription> {
    const number = this.#subscriptions.length + 1;
    const subscription = new TestSubscription(number, key);
    this.#subscriptions.push(subscription);
    const options: SubscribeOptions = {
      ...{ name, ack: 'explicit', maxInFlight: 100, ackWaitMs: null, maxDeliver: null },
      ...{ ordering: 'none', exclusive: false, start: { from: 'earliest' }, create: true },
    };
    const op = {
      session: number,
      subscription: number,
      topic: key,
      encoding: ENCODING_JSON,
    } as const;
    const answer = await this.#ask((request) =>
      subscribe.packSubscribe(this.#link.writer, { ...op, request, options }),
    );
    if (!('topicNo' in answer)) throw new Error(JSON.stringify(answer));
    return subscription;
  }

  ack({ number, topicNo }: TestSubscription, sequence: number): Promise<Answer> {
    const op = { session: number, subscription: number, topicNo, sequence, messageId: null };
    return this.#ask((request) =>
      acknowledge.packAck(this.#link.writer, {
        ...{ ...op, request, kind: acknowledge.ACK_BY_SEQUENCE },
      }),
    );
  }

  reject({ number, topicNo }: TestSubscription, sequence: number): Promise<Answer> {
    const op = { session: number, subscription: number, topicNo, sequence, messageId: null };
    return this.#ask((request) =>
      acknowledge.packVerdict(this.#link.writer, {
        ...{ ...op, request, verdict: acknowledge.VERDICT_REJECT, ms: null, reason: 'no' },
      }),
    );
  }

  /** Rejects with what failed, as JSON. */
  async call<M extends CallName>(method: M, args: CallArgs<M>): Promise<CallResult<M>> {
    if (isBrowseCall(method) && this.#browsing !== null) {
      return readAnswer<M>(
        await this.#browsing.run({ method, args: args as CallArgs<typeof method> }),
      );
    }
    const answer = await this.#ask((request) =>
      call.packCall(this.#link.writer, { request, method, args: writeArgs<M>(args) }),
    );
    if (!('result' in answer)) throw new Error(JSON.stringify(answer));
    return readAnswer<M>(answer as call.ReplyOp);
  }

  #ask(pack: (request: number) => void): Promise<Answer> {
    const request = ++this.#lastRequest;
    return new Promise((resolve) => {
      this.#waiting.set(request, resolve);
      pack(request);
      this.#link.scheduleFlush();
    });
  }

  #handle(op: number, reader: PackReader): void {
    if (op === opcodes.OP_PUBLISHED) this.#answer(publish.readPublished(reader));
    else if (op === opcodes.OP_DEFERRED) this.#answer(publish.readDeferred(reader));
    else if (op === opcodes.OP_FAILED) this.#answer(readFailed(reader));
    else if (op === opcodes.OP_REPLY) this.#answer(call.readReply(reader));
    else if (op === opcodes.OP_ACKED) this.#answer({ request: acknowledge.readAcked(reader) });
    else if (op === opcodes.OP_SUBSCRIBED) this.#subscribed(subscribe.readSubscribed(reader));
    else if (op === opcodes.OP_ACK_CREDIT) acknowledge.readAckCredit(reader);
    else if (op === opcodes.OP_CAUGHT_UP) subscribe.readCaughtUp(reader);
    else if (op === opcodes.OP_GAP) readGap(reader);
    else if (op === opcodes.OP_SOUGHT) readSought(reader);
    else this.#deliver(op, reader);
    this.#link.scheduleFlush();
  }

  #deliver(op: number, reader: PackReader): void {
    const { writer } = this.#link;
    if (op === opcodes.OP_DELIVER) {
      const { subscription, topicNo, frames } = deliver.readDeliver(reader);
      this.#of(subscription).take(frames);
      deliver.packDrained(writer, { subscription, topicNo });
      deliver.packCredit(writer, frames.length);
    } else if (op === opcodes.OP_DELIVER_GROUP) {
      const { topicNo, frames } = deliver.readDeliverGroup(reader);
      for (const one of this.#subscriptions) {
        if (one.isJoined && one.topicNo === topicNo) one.take(frames);
      }
      deliver.packCredit(writer, frames.length);
    } else if (op === opcodes.OP_GIVE) {
      const { subscription, topicNo, frames } = give.readGive(reader);
      this.#of(subscription).take(frames);
      give.packGiven(writer, { subscription, topicNo, taken: Number.POSITIVE_INFINITY });
    } else if (op === opcodes.OP_PROBE) {
      give.packProbed(writer, { ...give.readProbe(reader), wasEmpty: true });
    } else if (op === opcodes.OP_JOIN)
      this.#of(deliver.readJoin(reader).subscription).isJoined = true;
    else if (op === opcodes.OP_LEAVE)
      this.#of(deliver.readLeave(reader).subscription).isJoined = false;
    else if (op === opcodes.OP_UNSUBSCRIBED) {
      const { subscription, reason } = subscribe.readUnsubscribed(reader);
      this.#of(subscription).ended = reason;
    } else if (op === opcodes.OP_TOPIC_MADE) subscribe.readTopicMade(reader);
    else throw new Error(`operation ${op} is not one a worker sends`);
  }

  #subscribed(op: subscribe.SubscribedOp): void {
    this.#of(op.subscription).topicNo = op.topicNo;
    this.#answer(op);
  }

  #of(number: number): TestSubscription {
    const found = this.#subscriptions[number - 1];
    if (found === undefined) throw new Error(`there is no subscription ${number}`);
    return found;
  }

  #answer(op: Answer & { request: number }): void {
    this.#waiting.get(op.request)?.(op);
    this.#waiting.delete(op.request);
  }
}
