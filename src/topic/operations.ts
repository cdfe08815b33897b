/**
 * Each operation that comes on a link, to the piece of the worker that it is for; and what is due at the
 * end of a turn, once all operations of a buffer were handled.
 */
import { RequestError } from '../core/errors.js';
import type { MessageLog } from '../log/contract/message-log.js';
import { type AckOp, readAck, readVerdict, type VerdictOp } from '../thread/ops/acknowledge.js';
import { type CallOp, readCall } from '../thread/ops/call.js';
import { readCredit, readDrained, readLeft } from '../thread/ops/deliver.js';
import { failureOf } from '../thread/ops/failed.js';
import { readGiven, readProbed } from '../thread/ops/give.js';
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
  OP_SLICE,
  OP_SUBSCRIBE,
  OP_UNSUBSCRIBE,
  OP_VERDICT,
  OP_WANT,
} from '../thread/ops/opcodes.js';
import { readPublish } from '../thread/ops/publish.js';
import { readSessionEnded, readSubscribe, readUnsubscribe } from '../thread/ops/subscribe.js';
import { readWant } from '../thread/ops/want.js';
import type { PackReader } from '../thread/packing/pack-reader.js';
import { isPeersCall } from '../thread/peer-calls.js';
import type { Calls } from './calls/calls.js';
import type { Delivery } from './delivery/delivery.js';
import type { Publishes, PublishUnderWay } from './log/publishes.js';
import type { Abroad } from './peers/abroad.js';
import type { Outlet } from './state/outlet.js';
import type { SubscriptionRequests } from './subscriptions/subscription-requests.js';

export interface OperationsOptions {
  log: MessageLog<PublishUnderWay>;
  publishes: Publishes;
  subscribing: SubscriptionRequests;
  delivery: Delivery;
  calls: Calls;
  /** What workers of other nodes coordinate; null: there is no link to them. */
  abroad: () => Abroad | null;
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
    const { publishes, subscribing, delivery } = this.#options;
    switch (op) {
      case OP_PUBLISH:
        publishes.take(outlet, readPublish(reader));
        return;
      case OP_ACK:
        this.#acksHandled++;
        this.#ack(outlet, readAck(reader));
        return;
      case OP_VERDICT:
        this.#acksHandled++;
        this.#verdict(outlet, readVerdict(reader));
        return;
      case OP_CREDIT:
        delivery.credited(outlet, readCredit(reader));
        return;
      case OP_GIVEN:
      case OP_PROBED:
      case OP_WANT:
      case OP_DRAINED:
      case OP_LEFT:
        this.#report(outlet, op, reader);
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
      case OP_SLICE:
        outlet.sliceRead();
        return;
      case OP_CALL:
        this.#call(outlet, readCall(reader));
        return;
      default:
        throw new Error(`operation ${op} is not one an acceptor sends`);
    }
  }

  #ack(outlet: Outlet, op: AckOp): void {
    const abroad = this.#options.abroad();
    const one = abroad?.of(outlet, op.subscription);
    if (abroad === null || one === undefined) this.#options.delivery.ack(outlet, op);
    else abroad.ack(one, op);
  }

  #verdict(outlet: Outlet, op: VerdictOp): void {
    const abroad = this.#options.abroad();
    const one = abroad?.of(outlet, op.subscription);
    if (abroad === null || one === undefined) this.#options.delivery.verdict(outlet, op);
    else abroad.verdict(one, op);
  }

  /** What an acceptor says of what it was handed. */
  #report(outlet: Outlet, op: number, reader: PackReader): void {
    const abroad = this.#options.abroad();
    const { delivery } = this.#options;
    if (op === OP_GIVEN) {
      const given = readGiven(reader);
      const one = abroad?.of(outlet, given.subscription);
      if (abroad === null || one === undefined) delivery.given(outlet, given);
      else abroad.given(one, given);
    } else if (op === OP_PROBED) {
      const probed = readProbed(reader);
      const one = abroad?.of(outlet, probed.subscription);
      if (abroad === null || one === undefined) delivery.probed(outlet, probed);
      else abroad.probed(one, probed);
    } else if (op === OP_WANT) {
      const want = readWant(reader);
      const one = abroad?.of(outlet, want.subscription);
      if (abroad === null || one === undefined) delivery.wanted(outlet, want);
      else abroad.wanted(one, want);
    } else if (op === OP_DRAINED) {
      const drained = readDrained(reader);
      const one = abroad?.of(outlet, drained.subscription);
      if (abroad === null || one === undefined) delivery.drained(outlet, drained);
      else abroad.drained(one);
    } else {
      const left = readLeft(reader);
      const one = abroad?.of(outlet, left.subscription);
      if (abroad === null || one === undefined) delivery.left(outlet, left);
      else abroad.left(one, left);
    }
  }

  endTurn(outlet: Outlet): void {
    if (this.#acksHandled > 0) {
      outlet.acksHandled(this.#acksHandled);
      this.#acksHandled = 0;
    }
    this.#options.delivery.endTurn();
    this.#options.publishes.endTurn();
    this.#options.log.flush();
  }

  #call(outlet: Outlet, op: CallOp): void {
    if (outlet.kind === 'peer' && !isPeersCall(op)) {
      const refused = new RequestError('bad_request', 'nothing that another node may ask');
      outlet.failed(failureOf({ request: op.request, session: 0 }, refused));
      return;
    }
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
