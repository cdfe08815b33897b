/**
 * What a webhook's session has to say of its messages, gathered: to wake a worker costs about as much as a
 * request, and so does it to be woken for what is given next. So verdicts go together, once there are as
 * many of them as there are requests under way that will bring more, or after a moment. Nothing waits for a
 * request that has no end: with one under way, or none, each goes at once.
 */
import {
  ACK_BY_SEQUENCE,
  packAck,
  packVerdict,
  VERDICT_NACK,
  VERDICT_RETURN,
} from '../../thread/ops/acknowledge.js';
import type { ReceiverSubscription } from '../delivery/receiver.js';
import type { Outcome } from './outcome.js';

/** A verdict waits no longer for others. */
const WAIT_MS = 2;
/** Nor for more of them. */
const TOGETHER_MAX = 32;
/** Without credit for them. */
const AGAIN_MS = 50;

export interface HookVerdict {
  readonly sequence: number;
  /** return: nothing was sent, or what was counts for nothing. */
  readonly said: Outcome | 'return';
}

export class GatheredVerdicts {
  readonly #session: number;
  readonly #onDue: () => void;
  #all: HookVerdict[] = [];
  #timer: NodeJS.Timeout | null = null;

  /** `onDue`: they are to be said. */
  constructor(session: number, onDue: () => void) {
    this.#session = session;
    this.#onDue = onDue;
  }

  /** That wait. */
  get count(): number {
    return this.#all.length;
  }

  /** `underWay`: requests that are not answered. */
  add(verdict: HookVerdict, underWay: number): void {
    this.#all.push(verdict);
    if (this.#all.length >= Math.min(underWay, TOGETHER_MAX)) this.#onDue();
    else this.#timer ??= setTimeout(this.#onDue, WAIT_MS);
  }

  /**
   * To the worker, as far as there is credit; the rest is due again. Gives how many are not waiting any
   * more.
   */
  say(subscription: ReceiverSubscription | null): number {
    this.close();
    let said = 0;
    for (const verdict of this.#all) {
      // Without one the worker is gone: the next one gives the message again.
      if (subscription !== null) {
        if (!subscription.link.hasAckCredit) break;
        this.#pack(verdict, subscription);
      }
      said++;
    }
    this.#all.splice(0, said);
    if (said > 0) subscription?.link.scheduleFlush();
    if (this.#all.length > 0) this.#timer = setTimeout(this.#onDue, AGAIN_MS);
    return said;
  }

  /** Nothing is due by itself any more. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #pack({ sequence, said }: HookVerdict, { link, number, group }: ReceiverSubscription): void {
    link.ackSent(null);
    const place = {
      ...{ request: 0, session: this.#session, subscription: number, topicNo: group.topicNo },
      ...{ sequence, messageId: null },
    };
    if (said === 'return' || said.what === 'gone') {
      packVerdict(link.writer, { ...place, verdict: VERDICT_RETURN, ms: null, reason: null });
    } else if (said.what === 'taken') {
      packAck(link.writer, { ...place, kind: ACK_BY_SEQUENCE });
    } else {
      const reason = `webhook: ${said.reason}`;
      packVerdict(link.writer, { ...place, verdict: VERDICT_NACK, ms: said.afterMs, reason });
    }
  }
}
