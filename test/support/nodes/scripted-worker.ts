/** The worker's end of a link to an acceptor, which answers when the test says so, and what. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { ErrorCode } from '../../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { WorkerLinkEnd } from '../../../src/thread/link.js';
import { packAcked } from '../../../src/thread/ops/acknowledge.js';
import { packDeliver, readCredit, readDrained } from '../../../src/thread/ops/deliver.js';
import { packFailed } from '../../../src/thread/ops/failed.js';
import { type GapOp, packGap } from '../../../src/thread/ops/gap.js';
import {
  OP_CREDIT,
  OP_DRAINED,
  OP_SESSION_ENDED,
  OP_SUBSCRIBE,
} from '../../../src/thread/ops/opcodes.js';
import type { SubscribedOp, SubscribeOp } from '../../../src/thread/ops/subscribe.js';
import {
  packSubscribed,
  readSessionEnded,
  readSubscribe,
} from '../../../src/thread/ops/subscribe.js';
import type { PackReader } from '../../../src/thread/packing/pack-reader.js';

export class ScriptedWorker {
  /** The acceptor's end. */
  readonly port: MessagePort;
  readonly subscribes: SubscribeOp[] = [];
  /** Sessions that it was told the end of, as often as it was. */
  readonly ended: number[] = [];
  readonly #link: WorkerLinkEnd;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.#link = new WorkerLinkEnd({
      ...{ port: port2, limits: DEFAULT_LIMITS },
      onOp: (op, reader) => this.#heard(op, reader),
      onTurn: () => undefined,
    });
  }

  /** Everything up to `head` is what the subscriber has, or cannot have. */
  open(to: SubscribeOp, head: number, more: Partial<SubscribedOp> = {}): void {
    packSubscribed(this.#link.writer, {
      ...{ request: to.request, subscription: to.subscription, topicNo: 1, idTag: 1 },
      ...{ sequence: head, delivered: head, epoch: 'e', recovered: null, gap: null, ...more },
    });
    this.#link.scheduleFlush();
  }

  /** Of a subscription that is open: it is not given what is up to `delivered`. */
  gap({ subscription }: SubscribeOp, op: Omit<GapOp, 'subscription' | 'topicNo'>): void {
    packGap(this.#link.writer, { subscription, topicNo: 1, ...op });
    this.#link.scheduleFlush();
  }

  /** A page of one message. */
  page(
    { subscription }: SubscribeOp,
    { round, sequence }: { round: number; sequence: number },
  ): void {
    packDeliver(this.#link.writer, {
      ...{ subscription, topicNo: 1, round, firstSequence: sequence, lastSequence: sequence },
      frames: Buffer.from(JSON.stringify({ type: 'message', sequence })),
    });
    this.#link.scheduleFlush();
  }

  fail(to: SubscribeOp, code: ErrorCode): void {
    packFailed(this.#link.writer, {
      ...{ request: to.request, session: to.session, code, detail: code, field: null },
    });
    this.#link.scheduleFlush();
  }

  /** What answers no SUBSCRIBE. */
  answerWrongly(to: SubscribeOp): void {
    packAcked(this.#link.writer, to.request);
    this.#link.scheduleFlush();
  }

  close(): void {
    this.#link.close();
  }

  #heard(op: number, reader: PackReader): void {
    if (op === OP_SUBSCRIBE) this.subscribes.push(readSubscribe(reader));
    else if (op === OP_SESSION_ENDED) this.ended.push(readSessionEnded(reader).session);
    else if (op === OP_DRAINED) readDrained(reader);
    else if (op === OP_CREDIT) readCredit(reader);
    else throw new Error(`operation ${op} is not in the script`);
  }
}
