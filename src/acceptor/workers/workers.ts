/**
 * The links to the topic workers, as this acceptor has them: which worker owns a topic, whether it is
 * there, and what comes back from it. When a worker's thread is gone, everybody who waits for it is
 * told, since nobody else will.
 */
import { RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import type { TopicKey } from '../../core/topic-key.js';
import { type AnswerText, readAnswer, writeArgs } from '../../thread/call-text.js';
import type { CallArgs, CallName, CallResult } from '../../thread/calls.js';
import type { WorkerLink } from '../../thread/control.js';
import { AcceptorLinkEnd, linkPort } from '../../thread/link.js';
import { readAckCredit, readAcked } from '../../thread/ops/acknowledge.js';
import type { ReplyOp } from '../../thread/ops/call.js';
import { packCall, readReply } from '../../thread/ops/call.js';
import type { FailedOp } from '../../thread/ops/failed.js';
import { readFailed } from '../../thread/ops/failed.js';
import {
  OP_ACK_CREDIT,
  OP_ACKED,
  OP_DEFERRED,
  OP_FAILED,
  OP_PUBLISHED,
  OP_REPLY,
  OP_SLICE_READ,
  OP_TOPIC_MADE,
} from '../../thread/ops/opcodes.js';
import type { DeferredOp, PublishedOp } from '../../thread/ops/publish.js';
import { readDeferred, readPublished } from '../../thread/ops/publish.js';
import { readTopicMade } from '../../thread/ops/subscribe.js';
import type { PackReader } from '../../thread/packing/pack-reader.js';
import { TopicPlacement } from '../../thread/placement.js';
import type { Guard } from '../http/guard.js';
import { PendingRequest, Requests } from './pending-requests.js';

const CALL_TIMEOUT_MS = 5_000;

/** What a worker sends of its own accord. */
export interface DeliverySink {
  /** Reads the operation's fields; false: it is not one of deliveries. */
  handle(link: AcceptorLinkEnd, op: number, reader: PackReader): boolean;
  /** All operations that came together were handled. */
  endTurn(): void;
  /** A new thread took this worker's place. */
  linked(link: AcceptorLinkEnd): void;
  /** Its thread is gone. */
  unlinked(link: AcceptorLinkEnd): void;
}

export class Workers {
  readonly requests = new Requests();
  readonly #links: (AcceptorLinkEnd | null)[];
  readonly #placement: TopicPlacement;
  readonly #limits: Limits;
  readonly #guard: Guard;
  #sink: DeliverySink | null = null;
  #onSliceRead: () => void = () => undefined;

  constructor(workers: number, limits: Limits, guard: Guard) {
    this.#links = new Array<AcceptorLinkEnd | null>(workers).fill(null);
    this.#placement = new TopicPlacement(workers);
    this.#limits = limits;
    this.#guard = guard;
  }

  /** Where deliveries go; set once, before the first link. */
  set sink(sink: DeliverySink) {
    this.#sink = sink;
  }

  /** Called when a worker has come to a slice, or will not come to any more. */
  set onSliceRead(callback: () => void) {
    this.#onSliceRead = callback;
  }

  /** Whether all workers have come to nearly all slices so far. */
  get haveSliceRoom(): boolean {
    return this.#links.every((link) => link === null || link.hasSliceRoom);
  }

  /** What was packed until now is a slice. */
  endSlice(): void {
    for (const link of this.#links) link?.endSlice();
  }

  /** All workers are linked. */
  get complete(): boolean {
    return this.#links.every((link) => link !== null);
  }

  get count(): number {
    return this.#links.length;
  }

  /** The link to the owner of a topic; throws `busy` while its thread is being replaced. */
  ownerOf(key: TopicKey): AcceptorLinkEnd {
    return this.byIndex(this.#placement.workerOf(key));
  }

  indexOf(key: TopicKey): number {
    return this.#placement.workerOf(key);
  }

  byIndex(worker: number): AcceptorLinkEnd {
    const link = this.#links[worker];
    if (link != null) return link;
    throw new RequestError('busy', 'the worker of this topic is being replaced');
  }

  connect({ worker, generation, port }: WorkerLink): void {
    this.disconnect(worker);
    const link: AcceptorLinkEnd = new AcceptorLinkEnd({
      ...linkPort(port),
      worker,
      generation,
      limits: this.#limits,
      onOp: (op, reader) => this.#handle(link, op, reader),
      onTurn: () => this.#sink?.endTurn(),
    });
    this.#links[worker] = link;
    this.#sink?.linked(link);
  }

  /** The worker's thread is gone: publishes under way there have an unknown outcome. */
  disconnect(worker: number): void {
    const link = this.#links[worker];
    if (link == null) return;
    this.#links[worker] = null;
    // What it answered is not unknown, be it posted and not handed over.
    link.finish();
    link.close();
    for (const waiting of this.requests.takeAll(link)) {
      const code = waiting.creditBytes >= 0 ? 'outcome_unknown' : 'busy';
      const failed = {
        code,
        detail: 'the worker of this topic was replaced',
        field: null,
      } as const;
      this.#guard.run('a worker is gone', waiting, () => waiting.failed(failed));
    }
    this.#sink?.unlinked(link);
    this.#onSliceRead();
  }

  closeAll(): void {
    for (const link of this.#links) link?.close();
  }

  /** A control request; rejects with RequestError. */
  async call<M extends CallName>(
    link: AcceptorLinkEnd,
    method: M,
    args: CallArgs<M>,
  ): Promise<CallResult<M>> {
    return readAnswer<M>(await this.#ask(link, method, writeArgs<M>(args)));
  }

  /** The same of every worker. Those that are there are asked also where one is not, which rejects. */
  callAll<M extends CallName>(method: M, args: CallArgs<M>): Promise<CallResult<M>[]> {
    return Promise.all(
      this.#links.map(async (_, index) => this.call(this.byIndex(index), method, args)),
    );
  }

  #ask(link: AcceptorLinkEnd, method: CallName, args: string): Promise<AnswerText> {
    return new Promise((resolve, reject) => {
      const call = new Call(link, resolve, reject);
      const request = this.requests.add(call);
      call.timer = setTimeout(() => {
        // The number stays taken until its answer comes, so that it is not mixed up with another's.
        call.timer = null;
        reject(new RequestError('log_unavailable', `no answer within ${CALL_TIMEOUT_MS} ms`));
      }, CALL_TIMEOUT_MS);
      packCall(link.writer, { request, method, args });
      link.scheduleFlush();
    });
  }

  /** Gives an answer to who waits for it under this number; what that throws is theirs alone. */
  answer<O>(request: number, op: O, tell: (waiting: PendingRequest, op: O) => void): void {
    const waiting = this.requests.take(request);
    if (waiting === undefined) return;
    try {
      tell(waiting, op);
    } catch (error) {
      this.#guard.broken('answer', waiting, error);
    }
  }

  #handle(link: AcceptorLinkEnd, op: number, reader: PackReader): void {
    switch (op) {
      case OP_PUBLISHED: {
        const published = readPublished(reader);
        this.answer(published.request, published, tellPublished);
        return;
      }
      case OP_FAILED: {
        const failed = readFailed(reader);
        if (failed.request === 0) this.#failedAck?.(failed);
        else this.answer(failed.request, failed, tellFailed);
        return;
      }
      case OP_DEFERRED: {
        const deferred = readDeferred(reader);
        this.answer(deferred.request, deferred, tellDeferred);
        return;
      }
      case OP_REPLY: {
        const reply = readReply(reader);
        this.answer(reply.request, reply, tellReply);
        return;
      }
      case OP_ACKED:
        this.answer(readAcked(reader), null, tellAcked);
        return;
      case OP_TOPIC_MADE:
        this.#topicMade(readTopicMade(reader));
        return;
      case OP_ACK_CREDIT:
        link.returnAckCredit(readAckCredit(reader));
        return;
      case OP_SLICE_READ:
        link.sliceRead();
        this.#onSliceRead();
        return;
      default:
        if (this.#sink?.handle(link, op, reader) !== true) {
          throw new Error(`operation ${op} is not one a worker sends`);
        }
    }
  }

  #topicMade(request: number): void {
    const waiting = this.requests.waitingFor(request);
    if (waiting !== undefined) this.#guard.run('topic made', waiting, () => waiting.topicMade());
  }

  /** An ACK without a ref failed: whose it was stands in `session`. */
  set onFailedAck(callback: (op: FailedOp) => void) {
    this.#failedAck = callback;
  }

  #failedAck: ((op: FailedOp) => void) | null = null;
}

const tellPublished = (waiting: PendingRequest, op: PublishedOp): void => waiting.published(op);
const tellFailed = (waiting: PendingRequest, op: FailedOp): void => waiting.failed(op);
const tellDeferred = (waiting: PendingRequest, op: DeferredOp): void => waiting.deferred(op);
const tellReply = (waiting: PendingRequest, op: ReplyOp): void => waiting.reply(op);
const tellAcked = (waiting: PendingRequest): void => waiting.acked();

class Call extends PendingRequest {
  /** Null: it was answered. */
  timer: NodeJS.Timeout | null = null;
  readonly #resolve: (reply: AnswerText) => void;
  readonly #reject: (error: RequestError) => void;

  constructor(
    link: AcceptorLinkEnd,
    resolve: (reply: AnswerText) => void,
    reject: (error: RequestError) => void,
  ) {
    super(link, -1);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  override get isOwed(): boolean {
    return this.timer !== null;
  }

  override reply(op: ReplyOp): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.#resolve(op);
  }

  override broken(): void {
    this.#reject(new RequestError('internal', 'a fault of the server; it was logged'));
  }

  override failed(op: Pick<FailedOp, 'code' | 'detail' | 'field'>): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.#reject(new RequestError(op.code, op.detail, op.field ?? undefined));
  }
}
