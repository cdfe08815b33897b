/**
 * What a worker of another node says of subscriptions that it coordinates to the sessions here that are
 * attached to them: handed on to their acceptors under the numbers that those know.
 */
import { readAcked } from '../../thread/ops/acknowledge.js';
import { readReply } from '../../thread/ops/call.js';
import { readFailed } from '../../thread/ops/failed.js';
import { isFallBack, readGap } from '../../thread/ops/gap.js';
import {
  type GiveOp,
  type HoldsOp,
  readGive,
  readHolds,
  readProbe,
} from '../../thread/ops/give.js';
import {
  OP_ACKED,
  OP_CAUGHT_UP,
  OP_DRY,
  OP_FAILED,
  OP_GAP,
  OP_GIVE,
  OP_HOLDS,
  OP_PROBE,
  OP_REPLY,
  OP_SOUGHT,
  OP_SUBSCRIBED,
  OP_UNSUBSCRIBED,
} from '../../thread/ops/opcodes.js';
import { readSought } from '../../thread/ops/sought.js';
import {
  readCaughtUp,
  readSubscribed,
  readUnsubscribed,
  UNSUBSCRIBED_MOVED,
  type UnsubscribedOp,
} from '../../thread/ops/subscribe.js';
import { readDry } from '../../thread/ops/want.js';
import type { PackReader } from '../../thread/packing/pack-reader.js';
import type { Abroad } from './abroad.js';
import type { AbroadSubscription } from './abroad-subscription.js';
import type { RemoteRequests } from './remote-requests.js';
import type { RemoteWorker } from './remote-worker.js';

export class RemoteAnswers {
  readonly #abroad: Abroad;
  readonly #requests: RemoteRequests;

  constructor(abroad: Abroad, requests: RemoteRequests) {
    this.#abroad = abroad;
    this.#requests = requests;
  }

  /** Reads the operation's fields; false: it is not one of these. */
  handle(worker: RemoteWorker, op: number, reader: PackReader): boolean {
    switch (op) {
      case OP_HOLDS:
        this.#holds(worker, readHolds(reader));
        return true;
      case OP_GIVE:
        this.#give(worker, readGive(reader));
        return true;
      case OP_PROBE: {
        const { subscription } = readProbe(reader);
        this.#with(worker, subscription, (one) => one.outlet.probe(placeOf(one)));
        return true;
      }
      case OP_DRY: {
        const { subscription } = readDry(reader);
        this.#with(worker, subscription, (one) => one.outlet.dry(placeOf(one)));
        return true;
      }
      case OP_SOUGHT: {
        const { subscription, sequence } = readSought(reader);
        this.#with(worker, subscription, (one) => {
          one.forgetHeld();
          one.nextRound();
          one.outlet.sought({ ...placeOf(one), sequence });
        });
        return true;
      }
      case OP_CAUGHT_UP: {
        const { subscription, sequence } = readCaughtUp(reader);
        this.#with(worker, subscription, (one) => {
          one.isCaughtUp = true;
          one.outlet.caughtUp({ ...placeOf(one), sequence });
        });
        return true;
      }
      case OP_GAP: {
        const gap = readGap(reader);
        this.#with(worker, gap.subscription, (one) => {
          if (isFallBack(gap)) {
            one.forgetHeld();
            one.nextRound();
          }
          one.outlet.gap({ ...gap, ...placeOf(one) });
        });
        return true;
      }
      case OP_UNSUBSCRIBED:
        this.#unsubscribed(worker, readUnsubscribed(reader));
        return true;
      default:
        return this.#answered(worker, op, reader);
    }
  }

  #answered(worker: RemoteWorker, op: number, reader: PackReader): boolean {
    switch (op) {
      case OP_SUBSCRIBED: {
        const told = readSubscribed(reader);
        this.#requests.take(worker, told.request)?.subscribed?.(told);
        return true;
      }
      case OP_ACKED:
        this.#requests.take(worker, readAcked(reader))?.acked?.();
        return true;
      case OP_REPLY: {
        const reply = readReply(reader);
        this.#requests.take(worker, reply.request)?.replied?.(reply);
        return true;
      }
      case OP_FAILED: {
        const failed = readFailed(reader);
        if (failed.request !== 0) this.#requests.take(worker, failed.request)?.failed(failed);
        else {
          this.#with(worker, failed.session, (one) => {
            one.outlet.failed({ ...failed, session: one.op.session });
          });
        }
        return true;
      }
      default:
        return false;
    }
  }

  /** What is of an older term than it has seen was sent by who has lost it. */
  #holds(worker: RemoteWorker, { subscription, term, deliveries }: HoldsOp): void {
    this.#with(worker, subscription, (one) => {
      one.holds = term < one.term ? null : deliveries;
      one.term = Math.max(one.term, term);
    });
  }

  #give(worker: RemoteWorker, op: GiveOp): void {
    this.#with(worker, op.subscription, (one) => {
      const { holds } = one;
      one.holds = null;
      if (holds === null) return;
      if (holds.length !== op.messages)
        throw new RangeError('a GIVE has other messages than it says');
      for (const { row, attempt } of holds) {
        one.held.given({ sequence: row.sequence, attempt }, row.messageId);
      }
      one.givingCount = op.messages;
      one.wants(-op.messages);
      one.giving = holds.map(({ row }) => row.sequence);
      const { messages, frames } = op;
      one.outlet.give({ ...placeOf(one), messages, frames }, holds, one.term);
    });
  }

  #unsubscribed(worker: RemoteWorker, { subscription, reason }: UnsubscribedOp): void {
    this.#with(worker, subscription, (one) => {
      if (reason === UNSUBSCRIBED_MOVED) {
        this.#abroad.seek(one);
        return;
      }
      one.outlet.unsubscribed({ ...placeOf(one), request: 0, reason });
      this.#abroad.forget(one);
    });
  }

  /** Of a subscription that is attached to that worker, and to no other. */
  #with(worker: RemoteWorker, number: number, tell: (one: AbroadSubscription) => void): void {
    const one = this.#abroad.byNumber(number);
    if (one?.worker === worker && one.state === 'attached') tell(one);
  }
}

/** As its acceptor knows it. */
function placeOf({ op, topic }: AbroadSubscription): { subscription: number; topicNo: number } {
  return { subscription: op.subscription, topicNo: topic.no };
}
