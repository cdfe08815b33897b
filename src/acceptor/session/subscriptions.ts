/**
 * The life of subscriptions on this side: asks the owner of the topic, keeps what it answered, and asks
 * the next owner when a worker is replaced. Serves WebSocket sessions and SSE streams alike.
 */
import type { Clock } from '../../core/clock.js';
import { ERRORS, type ErrorCode, RequestError } from '../../core/errors.js';
import type { QuotaLedger } from '../../tenant/quota-ledger.js';
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { FailedOp } from '../../thread/ops/failed.js';
import { type GapOp, isFallBack } from '../../thread/ops/gap.js';
import type { SubscribedOp, UnsubscribedOp } from '../../thread/ops/subscribe.js';
import {
  packSessionEnded,
  packSubscribe,
  packUnsubscribe,
  UNSUBSCRIBED_DELETED,
  UNSUBSCRIBED_TAKEN_OVER,
  UNSUBSCRIBED_TOPIC_DELETED,
} from '../../thread/ops/subscribe.js';
import type { SubscribeOptions } from '../../thread/ops/subscribe-options.js';
import type {
  EchoedRef,
  SubscribedFrame,
  UnsubscribedReason,
} from '../../wire/server-frame-types.js';
import type { Deliveries } from '../delivery/deliveries.js';
import {
  type Receiver,
  type ReceiverEnd,
  type ReceiverSubscription,
  subscriptionKey,
} from '../delivery/receiver.js';
import { encodingOf } from '../delivery/receiver-kind.js';
import { type AuditSink, frameEvent } from '../http/audit-note.js';
import type { Guard } from '../http/guard.js';
import { PendingRequest } from '../workers/pending-requests.js';
import type { Workers } from '../workers/workers.js';
import { ResumeQueue } from './resume-queue.js';

const UNSUBSCRIBED_REASONS: Readonly<Record<number, UnsubscribedReason>> = {
  [UNSUBSCRIBED_TOPIC_DELETED]: 'topic_deleted',
  [UNSUBSCRIBED_TAKEN_OVER]: 'taken_over',
  [UNSUBSCRIBED_DELETED]: 'subscription_deleted',
};

export interface SubscribeRequest {
  receiver: Receiver;
  /** `nextNumber`; of a repeated subscribe the one it has. */
  number: number;
  /** Whether it has to have room among those of its tenant. */
  counts: 'one more' | 'no more';
  topic: string;
  options: SubscribeOptions;
  /** Exactly one of the two is called, unless the receiver is gone by then. */
  onOpen: (subscription: ReceiverSubscription, op: SubscribedOp) => void;
  onFailed: (error: Pick<FailedOp, 'code' | 'detail'>) => void;
}

export interface UnsubscribeRequest {
  receiver: Receiver;
  /** Of a subscribe that was sent, answered or not. */
  number: number;
  topic: string;
  name: string | null;
  /** Exactly one of the two is called. Failed: by then there was no such subscription. */
  onEnded: () => void;
  onFailed: (error: Pick<FailedOp, 'code' | 'detail'>) => void;
}

export class Subscriptions {
  readonly #workers: Workers;
  readonly #guard: Guard;
  readonly #deliveries: () => Deliveries;
  readonly #receivers: () => Iterable<Receiver>;
  readonly #clock: Clock;
  readonly #quotas: Pick<QuotaLedger, 'of'>;
  readonly #audit: AuditSink;
  /** What stands still, by the index of its worker. */
  readonly #resuming = new Map<number, ResumeQueue<ReceiverSubscription>>();
  #lastNumber = 0;

  constructor(options: {
    workers: Workers;
    guard: Guard;
    deliveries: () => Deliveries;
    receivers: () => Iterable<Receiver>;
    clock: Clock;
    quotas: Pick<QuotaLedger, 'of'>;
    audit: AuditSink;
  }) {
    this.#workers = options.workers;
    this.#guard = options.guard;
    this.#deliveries = options.deliveries;
    this.#receivers = options.receivers;
    this.#clock = options.clock;
    this.#quotas = options.quotas;
    this.#audit = options.audit;
  }

  /** Numbers are not used again while the thread runs, save after 2^32 of them. */
  nextNumber(): number {
    this.#lastNumber = (this.#lastNumber + 1) >>> 0;
    const isTaken = this.#deliveries().byNumber(this.#lastNumber) !== undefined;
    return isTaken ? this.nextNumber() : this.#lastNumber;
  }

  /** Throws RequestError when the owner cannot be asked, or its tenant has as many as it may have. */
  subscribe(request: SubscribeRequest): void {
    const { receiver, number: subscription, topic, options } = request;
    const key = receiver.principal.keyOf(topic);
    const link = this.#workers.ownerOf(key);
    if (request.counts === 'one more') {
      const use = this.#quotas.of(receiver.principal.tenant);
      use?.checkRoom('subscriptions');
      use?.opened('subscriptions');
    }
    const number = this.#workers.requests.add(new SubscribeWaiting(link, this, request));
    const encoding = encodingOf(receiver.kind);
    const { number: session } = receiver;
    const op = { request: number, session, subscription, topic: key, encoding, options };
    packSubscribe(link.writer, op);
    link.scheduleFlush();
    if (!receiver.links.includes(link)) receiver.links = receiver.links.concat(link);
  }

  /** The receiver is gone: every worker that knows of it is told, and its subscriptions end. */
  receiverEnded(receiver: Receiver, end: ReceiverEnd): void {
    for (const one of [...receiver.subscriptions.values()]) this.#forget(one);
    for (const link of receiver.links) {
      packSessionEnded(link.writer, { session: receiver.number, abrupt: end === 'abrupt' });
      link.scheduleFlush();
    }
  }

  /** Throws as `subscribe` does. The worker comes to it after the subscribe, answered or not. */
  unsubscribe(request: UnsubscribeRequest): void {
    const { receiver, number: subscription, topic } = request;
    const key = receiver.principal.keyOf(topic);
    const link = this.#workers.ownerOf(key);
    const number = this.#workers.requests.add(new UnsubscribeWaiting(link, this, request));
    const { number: session } = receiver;
    packUnsubscribe(link.writer, { request: number, session, subscription, topic: key });
    link.scheduleFlush();
  }

  /** The same for one that may not go on: where its worker is away, it is forgotten with that. */
  withdraw(request: UnsubscribeRequest): void {
    try {
      this.unsubscribe(request);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (this.ended(request)) request.onEnded();
      else request.onFailed({ code: error.code, detail: error.message });
    }
  }

  /** What an unsubscribe asked to end is forgotten; false: it was before, by another or with its session. */
  ended({ receiver, number, topic, name }: UnsubscribeRequest): boolean {
    const subscription = receiver.subscriptions.get(subscriptionKey(topic, name));
    if (subscription?.number !== number) return false;
    this.#forget(subscription);
    return true;
  }

  /** From SUBSCRIBED with a request: the subscription is open. */
  opened(link: AcceptorLinkEnd, request: SubscribeRequest, op: SubscribedOp): void {
    const { receiver, number, topic, options } = request;
    // The worker was told of its end as well.
    if (receiver.isGone) {
      this.unopened(request);
      return;
    }
    const key = subscriptionKey(topic, options.name);
    const known = receiver.subscriptions.get(key);
    if (known?.group.isOf(link, op.topicNo)) {
      request.onOpen(known, op);
      return;
    }
    const { idTag, epoch, delivered: lastSequence, topicNo } = op;
    const fields = { receiver, number, topic, options, link, idTag, epoch, lastSequence };
    const subscription = this.#deliveries().open(fields, topicNo);
    receiver.subscriptions.set(key, subscription);
    request.onOpen(subscription, op);
  }

  /** What counted as one more has not become one. */
  unopened({ receiver, counts }: SubscribeRequest): void {
    if (counts === 'one more') this.#closed(receiver);
  }

  #forget(subscription: ReceiverSubscription): void {
    this.#deliveries().forget(subscription);
    this.#closed(subscription.receiver);
  }

  #closed({ principal }: Receiver): void {
    this.#quotas.of(principal.tenant)?.closed('subscriptions');
  }

  /** From SUBSCRIBED, which is always asked for. */
  subscribedTold(op: SubscribedOp): void {
    this.#workers.answer(op.request, op, tellSubscribed);
  }

  /** By a subscribe, on the way: who made it is told as of one that was asked for. */
  topicMade({ receiver, topic }: SubscribeRequest): void {
    this.#audit.add(frameEvent(receiver, { action: 'topic.create', object: topic, outcome: 'ok' }));
  }

  /** From UNSUBSCRIBED: it was asked for, or the subscription has ended by what others did. */
  unsubscribedTold(link: AcceptorLinkEnd, op: UnsubscribedOp): void {
    if (op.request !== 0) {
      this.#workers.answer(op.request, op, tellUnsubscribed);
      return;
    }
    const subscription = this.#deliveries().byNumber(op.subscription);
    if (subscription?.link !== link) return;
    this.#forget(subscription);
    const { receiver, topic } = subscription;
    receiver.pardon();
    const reason = UNSUBSCRIBED_REASONS[op.reason];
    const name = subscription.name ?? undefined;
    receiver.sendFrame({ type: 'unsubscribed', topic, subscription: name, reason });
    if (op.reason === UNSUBSCRIBED_TOPIC_DELETED) receiver.topicDeleted();
  }

  /** From GAP: the log no longer has what was next, or another incarnation of it goes on. */
  gapTold(link: AcceptorLinkEnd, op: GapOp): void {
    const subscription = this.#deliveries().byNumber(op.subscription);
    if (subscription?.link !== link) return;
    subscription.epoch = op.epoch;
    if (!isFallBack(op)) subscription.lastSequence = op.delivered;
    else {
      subscription.nextRound();
      // Less, when its socket refused what the worker thought it had.
      subscription.lastSequence = Math.min(subscription.lastSequence, op.delivered);
    }
    const told = subscribedFrame(subscription, { ...op, recovered: op.gap === null });
    subscription.receiver.sendFrame(told);
  }

  /** The worker's thread is gone: its subscriptions stand still where they are. */
  unlinked(link: AcceptorLinkEnd): void {
    for (const receiver of this.#receivers()) {
      this.#guard.run('a worker is gone', receiver, () => {
        if (receiver.links.includes(link)) {
          receiver.links = receiver.links.filter((one) => one !== link);
        }
        for (const subscription of receiver.subscriptions.values()) {
          if (subscription.link !== link) continue;
          this.#deliveries().orphan(subscription);
          receiver.pardon();
        }
      });
    }
  }

  /** A new thread has the worker's place: what stood still goes on from the log, in chunks. */
  linked(link: AcceptorLinkEnd): void {
    const orphans = [...this.#receivers()].flatMap((receiver) =>
      [...receiver.subscriptions.values()].filter(
        (one) => one.state === 'orphaned' && one.link.worker === link.worker,
      ),
    );
    this.#resumingAt(link.worker).start(orphans);
  }

  #resumingAt(worker: number): ResumeQueue<ReceiverSubscription> {
    const known = this.#resuming.get(worker);
    if (known !== undefined) return known;
    const made = new ResumeQueue<ReceiverSubscription>(
      (orphan) => this.#resume(orphan),
      this.#clock.random,
    );
    this.#resuming.set(worker, made);
    return made;
  }

  #resume(orphan: ReceiverSubscription): void {
    this.#guard.run('resuming a subscription', orphan.receiver, () => this.#subscribeAgain(orphan));
  }

  #subscribeAgain(orphan: ReceiverSubscription): void {
    const { receiver, number, topic, name, epoch, lastSequence } = orphan;
    if (receiver.subscriptions.get(subscriptionKey(topic, name)) !== orphan) return;
    const start = { from: 'sequence' as const, sequence: lastSequence + 1, epoch };
    try {
      this.subscribe({
        ...{ receiver, number, topic },
        counts: 'no more',
        options: { ...orphan.options, start, create: false },
        onOpen: (subscription, op) => {
          this.#resumingAt(orphan.link.worker).succeeded();
          receiver.resumed(subscription);
          if (op.gap !== null) receiver.sendFrame(subscribedFrame(orphan, op));
        },
        onFailed: (error) => this.#lost(orphan, error.code),
      });
    } catch (error) {
      // Its worker is gone once more; the next one resumes it.
      if (!(error instanceof RequestError)) throw error;
    }
  }

  #lost(orphan: ReceiverSubscription, reason: ErrorCode): void {
    // While the worker is being replaced again, or the log is away, the subscription waits on.
    if (ERRORS[reason].temporary && reason !== 'draining') {
      this.#resumingAt(orphan.link.worker).failed(orphan);
      return;
    }
    const { receiver, topic, name } = orphan;
    receiver.subscriptions.delete(subscriptionKey(topic, name));
    this.#closed(receiver);
    const told = reason === 'topic_not_found' ? 'topic_deleted' : reason;
    const subscription = name ?? undefined;
    receiver.sendFrame({ type: 'unsubscribed', topic, subscription, reason: told });
  }
}

export function subscribedFrame(
  { topic, name }: Pick<ReceiverSubscription, 'topic' | 'name'>,
  op: Pick<SubscribedOp, 'epoch' | 'sequence' | 'recovered' | 'gap'>,
  ref?: EchoedRef,
): SubscribedFrame {
  return {
    type: 'subscribed',
    topic,
    subscription: name ?? undefined,
    epoch: op.epoch,
    sequence: op.sequence,
    recovered: op.recovered ?? undefined,
    gap: op.gap ?? undefined,
    ref,
  };
}

const tellSubscribed = (waiting: PendingRequest, op: SubscribedOp): void => waiting.subscribed(op);
const tellUnsubscribed = (waiting: PendingRequest, op: UnsubscribedOp): void =>
  waiting.unsubscribed(op);

class SubscribeWaiting extends PendingRequest {
  readonly #owner: Subscriptions;
  readonly #request: SubscribeRequest;

  constructor(link: AcceptorLinkEnd, owner: Subscriptions, request: SubscribeRequest) {
    super(link, -1);
    this.#owner = owner;
    this.#request = request;
  }

  override subscribed(op: SubscribedOp): void {
    this.#owner.opened(this.link, this.#request, op);
  }

  override topicMade(): void {
    this.#owner.topicMade(this.#request);
  }

  override broken(): void {
    this.#request.receiver.broken();
  }

  override failed(op: Pick<FailedOp, 'code' | 'detail'>): void {
    this.#owner.unopened(this.#request);
    // Who is gone must ask for nothing more: the worker would take it for one that is not there yet.
    if (!this.#request.receiver.isGone) this.#request.onFailed(op);
  }
}

class UnsubscribeWaiting extends PendingRequest {
  readonly #owner: Subscriptions;
  readonly #request: UnsubscribeRequest;

  constructor(link: AcceptorLinkEnd, owner: Subscriptions, request: UnsubscribeRequest) {
    super(link, -1);
    this.#owner = owner;
    this.#request = request;
  }

  override unsubscribed(): void {
    this.#owner.ended(this.#request);
    this.#request.onEnded();
  }

  override broken(): void {
    this.#request.receiver.broken();
  }

  /** Not subscribed any more, or the worker is gone: what is still open here has ended either way. */
  override failed(op: Pick<FailedOp, 'code' | 'detail'>): void {
    if (this.#owner.ended(this.#request)) this.#request.onEnded();
    else this.#request.onFailed(op);
  }
}
