/**
 * Each operation that comes on a link, to the piece of the worker that it is for; and what is due at the
 * end of a turn, once all operations of a buffer were handled.
 */
import { RequestError } from '../core/errors.js';
import type { MessageLog } from '../log/contract/message-log.js';
import { readAck, readVerdict } from '../thread/ops/acknowledge.js';
import { type CallOp, readCall } from '../thread/ops/call.js';
import {
  type DrainedOp,
  type LeftOp,
  readCredit,
  readDrained,
  readLeft,
} from '../thread/ops/deliver.js';
import { failureOf } from '../thread/ops/failed.js';
import { type GivenOp, type ProbedOp, readGiven, readProbed } from '../thread/ops/give.js';
import {
  OP_ACK,
  OP_CALL,
  OP_CREDIT,
  OP_DRAINED,
  OP_GIVEN,
  OP_LEFT,
  OP_PROBED,
  OP_PUBLISH,
  OP_SESSION_ENDED,
  OP_SUBSCRIBE,
  OP_UNSUBSCRIBE,
  OP_VERDICT,
} from '../thread/ops/opcodes.js';
import { readPublish } from '../thread/ops/publish.js';
import { readSessionEnded, readSubscribe, readUnsubscribe } from '../thread/ops/subscribe.js';
import type { PackReader } from '../thread/packing/pack-reader.js';
import type { Calls } from './calls/calls.js';
import type { Delivery } from './delivery/delivery.js';
import type { Verdicts } from './delivery/verdicts.js';
import type { Publishes, PublishUnderWay } from './log/publishes.js';
import type { Outlet } from './state/outlet.js';
import type { Subscription } from './state/subscription.js';
import type { Topics } from './state/topics.js';
import type { Subscribing } from './subscriptions/subscribing.js';

export interface OperationsOptions {
  log: MessageLog<PublishUnderWay>;
  topics: Topics;
  publishes: Publishes;
  subscribing: Subscribing;
  verdicts: Verdicts;
  delivery: Delivery;
  calls: Calls;
  /** A bug: the thread must end. */
  onBug: (error: unknown) => void;
}

export class Operations {
  readonly #options: OperationsOptions;
  /** Acknowledgements handled in this turn: given back as credit at its end. */
  #acksHandled = 0;

  constructor(options: OperationsOptions) {
    this.#options = options;
  }

  handle(outlet: Outlet, op: number, reader: PackReader): void {
    const { publishes, subscribing, verdicts, delivery } = this.#options;
    switch (op) {
      case OP_PUBLISH:
        publishes.take(outlet, readPublish(reader));
        return;
      case OP_ACK:
        this.#acksHandled++;
        verdicts.ack(outlet, readAck(reader));
        return;
      case OP_VERDICT:
        this.#acksHandled++;
        verdicts.take(outlet, readVerdict(reader));
        return;
      case OP_GIVEN:
        this.#given(outlet, readGiven(reader));
        return;
      case OP_PROBED:
        this.#probed(outlet, readProbed(reader));
        return;
      case OP_CREDIT:
        if (outlet.creditReturned(readCredit(reader))) delivery.feeder.creditReturned(outlet);
        return;
      case OP_DRAINED:
        this.#drained(outlet, readDrained(reader));
        return;
      case OP_LEFT:
        this.#left(outlet, readLeft(reader));
        return;
      case OP_SUBSCRIBE:
        subscribing.ask({ outlet, op: readSubscribe(reader) });
        return;
      case OP_UNSUBSCRIBE:
        subscribing.ask({ outlet, op: readUnsubscribe(reader) });
        return;
      case OP_SESSION_ENDED:
        subscribing.sessionEnded(outlet, readSessionEnded(reader));
        return;
      case OP_CALL:
        this.#call(outlet, readCall(reader));
        return;
      default:
        throw new Error(`operation ${op} is not one an acceptor sends`);
    }
  }

  endTurn(outlet: Outlet): void {
    if (this.#acksHandled > 0) {
      outlet.acksHandled(this.#acksHandled);
      this.#acksHandled = 0;
    }
    this.#options.delivery.giver.endTurn();
    this.#options.log.flush();
  }

  #drained(outlet: Outlet, op: DrainedOp): void {
    const subscription = this.#find(outlet, op);
    if (subscription === undefined) return;
    this.#options.delivery.feeder.drained(subscription);
    if (subscription.tracker !== null) this.#options.delivery.giver.later(subscription.tracker);
  }

  #given(outlet: Outlet, op: GivenOp): void {
    const subscription = this.#find(outlet, op);
    if (subscription !== undefined) this.#options.delivery.giver.given(subscription, op.taken);
  }

  #probed(outlet: Outlet, op: ProbedOp): void {
    const subscription = this.#find(outlet, op);
    if (subscription !== undefined)
      this.#options.delivery.deadlines.probed(subscription, op.wasEmpty);
  }

  #left(outlet: Outlet, op: LeftOp): void {
    const subscription = this.#find(outlet, op);
    if (subscription === undefined) return;
    this.#options.delivery.feeder.left(subscription, op.lastSequence);
    if (subscription.tracker !== null) this.#options.delivery.giver.later(subscription.tracker);
  }

  #find(outlet: Outlet, op: { subscription: number; topicNo: number }): Subscription | undefined {
    return this.#options.topics.byNo(op.topicNo)?.subscriptionOf(outlet, op.subscription);
  }

  #call(outlet: Outlet, op: CallOp): void {
    this.#options.calls.run(op).then(
      ({ result, body }) => {
        outlet.reply({ request: op.request, result, body });
      },
      (error: unknown) => {
        if (!(error instanceof RequestError)) {
          this.#options.onBug(error);
          return;
        }
        outlet.failed(failureOf({ request: op.request, session: 0 }, error));
      },
    );
  }
}
