/** Acknowledgements: from the link to the window they make room in. */
import type { WorkerLinkEnd } from '../thread/link.js';
import type { AckOp } from '../thread/ops.js';
import { ACK_BY_ID, ACK_CUMULATIVE, packAcked, packFailed } from '../thread/ops.js';
import type { Feeder } from './feeder.js';
import type { Subscription } from './subscription.js';
import type { Topics } from './topics.js';

export class Acks {
  readonly #topics: Topics;
  readonly #feeder: Feeder;

  constructor(topics: Topics, feeder: Feeder) {
    this.#topics = topics;
    this.#feeder = feeder;
  }

  /** From ACK. Unknown, foreign, settled and future deliveries get one answer and change nothing. */
  take(link: WorkerLinkEnd, op: AckOp): void {
    const topic = this.#topics.byNo(op.topicNo);
    const subscription = topic?.subscriptionOf(link, op.session);
    if (subscription === undefined || !settle(subscription, op)) {
      packFailed(link.writer, {
        request: op.request,
        session: op.session,
        code: 'unknown_delivery',
        detail: 'no such delivery to this session, or it is settled',
        field: null,
      });
      link.scheduleFlush();
      return;
    }
    if (op.request !== 0) {
      packAcked(link.writer, op.request);
      link.scheduleFlush();
    }
    this.#feeder.pump(subscription);
  }
}

function settle(subscription: Subscription, op: AckOp): boolean {
  if (op.kind === ACK_CUMULATIVE) return subscription.settleUpTo(op.sequence);
  if (op.kind !== ACK_BY_ID || op.messageId === null) return subscription.settle(op.sequence);
  const sequence = subscription.sequenceOf(op.messageId);
  return sequence > 0 && subscription.settle(sequence);
}
