/**
 * What a session says of its deliveries: ack, nack, extend, reject. Finds the subscriptions that are
 * meant and asks their workers; a verdict that fits several is true when one of them took it.
 */
import { RequestError } from '../../core/errors.js';
import { idTagOf } from '../../core/id-tag.js';
import type { Limits } from '../../core/limits.js';
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { AckOp, VerdictOp } from '../../thread/ops/acknowledge.js';
import {
  ACK_BY_ID,
  ACK_BY_SEQUENCE,
  ACK_CUMULATIVE,
  packAck,
  packVerdict,
  VERDICT_EXTEND,
  VERDICT_NACK,
  VERDICT_REJECT,
} from '../../thread/ops/acknowledge.js';
import type { FailedOp } from '../../thread/ops/failed.js';
import type {
  AckFrame,
  DeliveryTarget,
  ExtendFrame,
  NackFrame,
  Ref,
  RejectFrame,
} from '../../wire/client-frame.js';
import { type ReceiverSubscription, subscriptionKey } from '../delivery/receiver.js';
import { PendingRequest } from '../workers/pending-requests.js';
import type { Workers } from '../workers/workers.js';
import type { Session } from './session.js';

const UNKNOWN_DELIVERY = 'no such delivery to this session, or it is settled';

type Failure = Pick<FailedOp, 'code' | 'detail'>;

/** Packs the operation for one subscription; `request` 0: success needs no answer. */
type Pack = (link: AcceptorLinkEnd, subscription: ReceiverSubscription, request: number) => void;

export class VerdictFrames {
  readonly #workers: Workers;
  readonly #limits: Limits;

  constructor(workers: Workers, limits: Limits) {
    this.#workers = workers;
    this.#limits = limits;
  }

  /** Throws `unknown_delivery` when the session has no subscription that could be meant. */
  ack(session: Session, frame: AckFrame): void {
    const { messageId, sequence, cumulative, ref } = frame;
    const bySequence = cumulative ? ACK_CUMULATIVE : ACK_BY_SEQUENCE;
    const kind = messageId === null ? bySequence : ACK_BY_ID;
    const only = ref === null ? onlyOf(session, frame) : null;
    if (only !== null) {
      this.#ackOnly(session, only, { kind, sequence, messageId });
      return;
    }
    this.#send(session, frame, ref, (link, { number: subscription, group }, request) => {
      packAck(link.writer, {
        request,
        session: session.number,
        subscription,
        topicNo: group.topicNo,
        kind,
        sequence,
        messageId,
      });
    });
  }

  /** Throws as `ack` does. */
  verdict(session: Session, frame: NackFrame | ExtendFrame | RejectFrame): void {
    const { messageId, sequence, ref } = frame;
    const { verdict, ms, reason } = saidBy(frame);
    this.#send(session, frame, ref, (link, { number: subscription, group }, request) => {
      packVerdict(link.writer, {
        request,
        session: session.number,
        subscription,
        topicNo: group.topicNo,
        verdict,
        ms,
        reason,
        sequence,
        messageId,
      });
    });
  }

  /** The common case, 100,000 times a second: one subscription, nobody waits for the answer. */
  #ackOnly(
    session: Session,
    { link, number, group }: ReceiverSubscription,
    ack: Pick<AckOp, 'kind' | 'sequence' | 'messageId'>,
  ): void {
    session.load.checkAck(this.#limits);
    checkCredit(link);
    link.ackSent(session.load);
    packAck(link.writer, {
      request: 0,
      session: session.number,
      subscription: number,
      topicNo: group.topicNo,
      kind: ack.kind,
      sequence: ack.sequence,
      messageId: ack.messageId,
    });
    link.scheduleFlush();
  }

  #send(session: Session, target: DeliveryTarget, ref: Ref, pack: Pack): void {
    const meant = subscriptionsOf(session, target);
    const isSilent = ref === null && meant.length === 1;
    if (isSilent) session.load.checkAck(this.#limits);
    else session.load.checkRequest(this.#limits, 0);
    for (const { link } of meant) checkCredit(link);
    const tally = isSilent ? null : new Tally(session, ref, meant.length);
    for (const subscription of meant) {
      const { link } = subscription;
      // Those that are answered are counted until then.
      link.ackSent(tally === null ? session.load : null);
      const { requests } = this.#workers;
      pack(link, subscription, tally === null ? 0 : requests.add(new VerdictWaiting(link, tally)));
      link.scheduleFlush();
    }
  }
}

function checkCredit(link: AcceptorLinkEnd): void {
  if (link.hasAckCredit) return;
  throw new RequestError('busy', 'too many acknowledgements are under way (LINK_MESSAGES_MAX)');
}

function saidBy(
  frame: NackFrame | ExtendFrame | RejectFrame,
): Pick<VerdictOp, 'verdict' | 'ms' | 'reason'> {
  switch (frame.type) {
    case 'nack':
      return { verdict: VERDICT_NACK, ms: frame.delayMs, reason: frame.reason };
    case 'extend':
      return { verdict: VERDICT_EXTEND, ms: frame.ms, reason: null };
    case 'reject':
      return { verdict: VERDICT_REJECT, ms: null, reason: frame.reason };
  }
}

/** The only subscription of the session, when the target is a delivery of it; null: look closer. */
function onlyOf({ subscriptions }: Session, target: DeliveryTarget): ReceiverSubscription | null {
  if (subscriptions.size !== 1) return null;
  const { topic, subscription: name } = target;
  for (const one of subscriptions.values()) {
    const fits = (topic === null || topic === one.topic) && (name === null || name === one.name);
    return fits && one.state !== 'orphaned' ? one : null;
  }
  return null;
}

/** Those the target may be a delivery of; never empty. */
function subscriptionsOf(session: Session, target: DeliveryTarget): ReceiverSubscription[] {
  const { messageId, topic, subscription: name } = target;
  const tag = messageId === null ? null : idTagOf(messageId);
  if (topic !== null && name !== null) {
    const one = session.subscriptions.get(subscriptionKey(topic, name));
    if (one === undefined) throw unknownDelivery();
    if (one.state === 'orphaned') throw orphanedDelivery();
    return [one];
  }
  const found: ReceiverSubscription[] = [];
  let orphans = 0;
  for (const one of session.subscriptions.values()) {
    if (topic !== null && one.topic !== topic) continue;
    if (name !== null && one.name !== name) continue;
    if (tag !== null && one.idTag !== tag) continue;
    if (one.state === 'orphaned') orphans++;
    else found.push(one);
  }
  if (found.length > 0) return found;
  throw orphans > 0 ? orphanedDelivery() : unknownDelivery();
}

function unknownDelivery(): RequestError {
  return new RequestError('unknown_delivery', UNKNOWN_DELIVERY);
}

/** It will be delivered again. */
function orphanedDelivery(): RequestError {
  return new RequestError('busy', 'the worker of this topic is being replaced');
}

/** One frame's answers, from all subscriptions that were asked. */
class Tally {
  readonly session: Session;
  readonly #ref: Ref;
  #left: number;
  #taken = 0;
  /** What one of them failed with. */
  #failed: Failure = { code: 'unknown_delivery', detail: UNKNOWN_DELIVERY };

  constructor(session: Session, ref: Ref, asked: number) {
    this.session = session;
    this.#ref = ref;
    this.#left = asked;
  }

  /** `failed` null: it was taken. */
  answered(failed: Failure | null): void {
    this.#left--;
    if (failed === null) this.#taken++;
    else if (failed.code !== 'unknown_delivery') this.#failed = failed;
    if (this.#left > 0) return;
    if (this.#taken === 0) {
      this.session.refuse(this.#failed.code, this.#failed.detail, this.#ref);
    } else if (this.#ref !== null) {
      this.session.sendFrame({ type: 'acked', ref: this.#ref });
    }
  }
}

class VerdictWaiting extends PendingRequest {
  readonly #tally: Tally;

  constructor(link: AcceptorLinkEnd, tally: Tally) {
    super(link, -1);
    this.#tally = tally;
    tally.session.load.requestSent(0);
  }

  override acked(): void {
    this.#answered(null);
  }

  /** Unknown there, or the worker is gone and will deliver it again. */
  override failed(op: Failure): void {
    this.#answered(op);
  }

  override broken(): void {
    this.#tally.session.broken();
  }

  #answered(failed: Failure | null): void {
    this.#tally.session.load.requestAnswered(0);
    this.#tally.answered(failed);
  }
}
