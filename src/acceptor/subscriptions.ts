/**
 * The life of subscriptions on this side: asks the owner of the topic, keeps what it answered, and asks
 * the next owner when a worker is replaced. Serves WebSocket sessions and SSE streams alike.
 */
import { RequestError } from '../core/errors.js';
import type { AcceptorLinkEnd } from '../thread/link.js';
import * as ops from '../thread/ops.js';
import type { Deliveries } from './deliveries.js';
import { TENANT } from './publishing.js';
import { encodingOf, type Receiver, ReceiverSubscription } from './receiver.js';
import { Waiting } from './requests.js';
import type { Workers } from './workers.js';

/** Subscriptions asked for again in one turn when a worker was replaced. */
const RESUBSCRIBE_CHUNK = 500;

export interface SubscribeRequest {
  receiver: Receiver;
  topic: string;
  options: ops.SubscribeOptions;
  /** Exactly one of the two is called, unless the receiver is gone by then. */
  onOpen: (subscription: ReceiverSubscription, op: ops.SubscribedOp) => void;
  onFailed: (error: Pick<ops.FailedOp, 'code' | 'detail'>) => void;
}

export class Subscriptions {
  readonly #workers: Workers;
  readonly #deliveries: () => Deliveries;
  readonly #receivers: () => Iterable<Receiver>;

  constructor(options: {
    workers: Workers;
    deliveries: () => Deliveries;
    receivers: () => Iterable<Receiver>;
  }) {
    this.#workers = options.workers;
    this.#deliveries = options.deliveries;
    this.#receivers = options.receivers;
  }

  /** Throws RequestError when the owner cannot be asked. Answers the link that was asked. */
  subscribe(request: SubscribeRequest): AcceptorLinkEnd {
    const { receiver, topic, options } = request;
    const link = this.#workers.ownerOf(TENANT, topic);
    const number = this.#workers.requests.add(new SubscribeWaiting(link, this, request));
    const encoding = encodingOf(receiver.kind);
    const { number: session } = receiver;
    ops.packSubscribe(link.writer, { request: number, session, topic, encoding, options });
    link.scheduleFlush();
    return link;
  }

  /** Asks for the end; `onDone` when it has ended. */
  unsubscribe(subscription: ReceiverSubscription, onDone: () => void): void {
    const { link, receiver, topic } = subscription;
    const waiting = new UnsubscribeWaiting(link, () => {
      this.#deliveries().forget(subscription);
      onDone();
    });
    const request = this.#workers.requests.add(waiting);
    ops.packUnsubscribe(link.writer, { request, session: receiver.number, topic });
    link.scheduleFlush();
  }

  /** From SUBSCRIBED with a request: the subscription is open. */
  opened(link: AcceptorLinkEnd, request: SubscribeRequest, op: ops.SubscribedOp): void {
    const { receiver, topic, options } = request;
    const known = receiver.subscriptions.get(topic);
    const group = this.#deliveries().groupOf(link, op.topicNo);
    if (known !== undefined && known.group === group) {
      request.onOpen(known, op);
      return;
    }
    const subscription = new ReceiverSubscription({
      receiver,
      topic,
      options,
      link,
      group,
      idTag: op.idTag,
      epoch: op.epoch,
      lastSequence: op.sequence,
    });
    receiver.subscriptions.set(topic, subscription);
    receiver.byGroup.set(group, subscription);
    request.onOpen(subscription, op);
  }

  /** From SUBSCRIBED without a request: the log no longer has what was next. */
  gapTold(link: AcceptorLinkEnd, op: ops.SubscribedOp, receiver: Receiver | undefined): void {
    const subscription = receiver?.byGroup.get(this.#deliveries().groupOf(link, op.topicNo));
    if (receiver === undefined || subscription === undefined) return;
    subscription.epoch = op.epoch;
    receiver.sendFrame(subscribedFrame(subscription.topic, op));
  }

  /** The worker's thread is gone: its subscriptions stand still where they are. */
  unlinked(link: AcceptorLinkEnd): void {
    for (const receiver of this.#receivers()) {
      for (const subscription of [...receiver.byGroup.values()]) {
        if (subscription.link === link) this.#deliveries().orphan(subscription);
      }
    }
  }

  /** A new thread has the worker's place: what stood still goes on from the log, in chunks. */
  linked(link: AcceptorLinkEnd): void {
    const orphans = [...this.#receivers()].flatMap((receiver) =>
      [...receiver.subscriptions.values()].filter(
        (one) => one.state === 'orphaned' && one.link.worker === link.worker,
      ),
    );
    const next = (): void => {
      for (const orphan of orphans.splice(0, RESUBSCRIBE_CHUNK)) this.#resume(orphan);
      if (orphans.length > 0) setImmediate(next);
    };
    next();
  }

  #resume(orphan: ReceiverSubscription): void {
    const { receiver, topic, epoch, lastSequence } = orphan;
    if (receiver.subscriptions.get(topic) !== orphan) return;
    const start = { from: 'sequence' as const, sequence: lastSequence + 1, epoch };
    try {
      this.subscribe({
        receiver,
        topic,
        options: { ...orphan.options, start, create: false },
        onOpen: (subscription, op) => {
          subscription.lastSequence = lastSequence;
          if (op.gap !== null) receiver.sendFrame(subscribedFrame(topic, op));
        },
        onFailed: (error) => this.#lost(orphan, error.code),
      });
    } catch (error) {
      // Its worker is gone once more; the next one resumes it.
      if (!(error instanceof RequestError)) throw error;
    }
  }

  #lost(orphan: ReceiverSubscription, reason: string): void {
    // While the worker is being replaced again the subscription waits on.
    if (reason === 'busy' || reason === 'log_unavailable') {
      setTimeout(() => this.#resume(orphan), 250);
      return;
    }
    orphan.receiver.subscriptions.delete(orphan.topic);
    const told = reason === 'topic_not_found' ? 'topic_deleted' : reason;
    orphan.receiver.sendFrame({ type: 'unsubscribed', topic: orphan.topic, reason: told });
  }
}

export function subscribedFrame(
  topic: string,
  op: ops.SubscribedOp,
  ref?: string | number,
): Record<string, unknown> {
  return {
    type: 'subscribed',
    topic,
    epoch: op.epoch,
    sequence: op.sequence,
    recovered: op.recovered ?? undefined,
    gap: op.gap ?? undefined,
    ref,
  };
}

class SubscribeWaiting extends Waiting {
  readonly #owner: Subscriptions;
  readonly #request: SubscribeRequest;

  constructor(link: AcceptorLinkEnd, owner: Subscriptions, request: SubscribeRequest) {
    super(link, -1);
    this.#owner = owner;
    this.#request = request;
  }

  override subscribed(op: ops.SubscribedOp): void {
    this.#owner.opened(this.link, this.#request, op);
  }

  override failed(op: Pick<ops.FailedOp, 'code' | 'detail'>): void {
    this.#request.onFailed(op);
  }
}

class UnsubscribeWaiting extends Waiting {
  readonly #onDone: () => void;

  constructor(link: AcceptorLinkEnd, onDone: () => void) {
    super(link, -1);
    this.#onDone = onDone;
  }

  override unsubscribed(): void {
    this.#onDone();
  }

  /** Not subscribed any more, or the worker is gone: ended either way. */
  override failed(): void {
    this.#onDone();
  }
}
