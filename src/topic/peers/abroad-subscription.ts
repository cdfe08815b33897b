/**
 * A subscription of a session here that a worker of another node coordinates, or that looks for who does:
 *   seeking   the store is asked who coordinates it, now or in a moment
 *   waiting   for the link to that worker
 *   asked     that worker was told of it, and has not answered
 *   attached  it is given messages
 *   ended     gone, or of this node: what still comes for it is ignored
 */
import type { ErrorCode } from '../../core/errors.js';
import { HeldDeliveries } from '../../core/held-deliveries.js';
import type { AckOp, VerdictOp } from '../../thread/ops/acknowledge.js';
import type { LeftOp } from '../../thread/ops/deliver.js';
import type { GivenMessage, GivenOp } from '../../thread/ops/give.js';
import {
  type SubscribedOp,
  type SubscribeOp,
  UNSUBSCRIBED_DELETED,
  UNSUBSCRIBED_TAKEN_OVER,
  UNSUBSCRIBED_TOPIC_DELETED,
} from '../../thread/ops/subscribe.js';
import type { AttachedSession, SubscribeOptions } from '../../thread/ops/subscribe-options.js';
import type { DeliveryIds } from '../state/delivery-ids.js';
import type { Outlet } from '../state/outlet.js';
import type { Topic } from '../state/subscription.js';
import type { DurableIdentity } from '../state/tracker.js';
import type { RemoteWorker } from './remote-worker.js';

/** Why one that was open ends, by what is said when it is sought. */
export function endOf(code: ErrorCode): number {
  if (code === 'topic_not_found') return UNSUBSCRIBED_TOPIC_DELETED;
  return code === 'subscription_not_found' ? UNSUBSCRIBED_DELETED : UNSUBSCRIBED_TAKEN_OVER;
}

export type AbroadState = 'seeking' | 'waiting' | 'asked' | 'attached' | 'ended';

/** A verdict that came while nobody could be told. */
export type LateVerdict = { ack: AckOp; verdict: null } | { ack: null; verdict: VerdictOp };

export interface AbroadSubscriptionOptions {
  /** Names it, and its session, to other workers. */
  number: number;
  outlet: Outlet;
  op: SubscribeOp;
  topic: Topic;
  /** Null: it was not found, and is being made by another node. */
  identity?: DurableIdentity | null;
  /** What traces call its session. */
  sessionName: string;
  /** Called once its SUBSCRIBE is answered; null: it was. */
  onAnswered: (() => void) | null;
}

export type AbroadAsk = Pick<AbroadSubscriptionOptions, 'outlet' | 'op' | 'topic' | 'identity'>;

export class AbroadSubscription {
  readonly number: number;
  readonly outlet: Outlet;
  readonly op: SubscribeOp;
  readonly topic: Topic;
  readonly sessionName: string;
  /** Which of all that have had this name; null: not known yet. */
  identity: DurableIdentity | null;
  state: AbroadState = 'seeking';
  worker: RemoteWorker | null = null;
  /** See thread/ops/deliver.ts. */
  round = 0;
  /** Its socket refused a page of before, and has not drained. */
  isRefused = false;
  isCaughtUp = false;
  /** Whoever coordinates it was told that its session holds what its socket then refused. */
  isMisread = false;
  readonly held = new HeldDeliveries();
  /** Of pages that it was given while it was coordinated here; null: of none. */
  ids: DeliveryIds | null = null;
  /** Sequences of the GIVE that its acceptor has not answered, in their order; null: none is under way. */
  giving: number[] | null = null;
  /** How many messages that GIVE has, whatever of it still counts. */
  givingCount = 0;
  /** How many messages more its session wants, as whoever coordinates counts. */
  wanted: SubscribeOptions['wanted'];
  /** The highest under which it was given something, since it was last attached. */
  term = 0;
  /** What the GIVE holds that comes next. */
  holds: readonly GivenMessage[] | null = null;
  late: LateVerdict[] = [];
  /** The same of a GIVEN. */
  lateGiven: GivenOp | null = null;
  /** Of looks for who coordinates it, since it was last attached. */
  attempts = 0;
  /** What it was told when it was opened; null: it was not. */
  told: SubscribedOp | null = null;
  #onAnswered: (() => void) | null;

  constructor(options: AbroadSubscriptionOptions) {
    this.number = options.number;
    this.outlet = options.outlet;
    this.op = options.op;
    this.topic = options.topic;
    this.identity = options.identity ?? null;
    this.sessionName = options.sessionName;
    this.wanted = options.op.options.wanted;
    this.#onAnswered = options.onAnswered;
  }

  /** Its SUBSCRIBE waits for its answer. */
  get isUnanswered(): boolean {
    return this.#onAnswered !== null;
  }

  answered(): void {
    const onAnswered = this.#onAnswered;
    this.#onAnswered = null;
    onAnswered?.();
  }

  /** For whoever coordinates it. */
  get options(): SubscribeOptions {
    const { op, session: attached, wanted } = this;
    const asked = { ...op.options, create: false, attached };
    return wanted === undefined ? asked : { ...asked, wanted };
  }

  /** It wants so many more, or less. */
  wants(messages: number): void {
    if (typeof this.wanted === 'number') this.wanted += messages;
  }

  /** As whoever coordinates it is told. */
  get session(): AttachedSession {
    const { giving, isCaughtUp, topic } = this;
    const held = this.held.list;
    return { name: this.sessionName, epoch: topic.epoch, held, giving, isCaughtUp };
  }

  /** 0: it is not known to have been given such a message. */
  sequenceOf(messageId: Uint8Array | null): number {
    if (messageId === null) return 0;
    const known = this.held.sequenceOf(messageId) || (this.ids?.find(messageId) ?? 0);
    return known || this.topic.ids.find(messageId);
  }

  /** From LEFT, of a page that it was sent while it was coordinated here; true: it held some of that. */
  left({ round, lastSequence }: LeftOp): boolean {
    this.isRefused = true;
    this.round = round;
    return this.held.refusedAfter(lastSequence);
  }

  /** A subscribe of one that is open is answered as it stands. */
  subscribedAgain({ request, subscription }: SubscribeOp): void {
    const { told, topic, outlet } = this;
    const sequence = Math.max(topic.head, told?.sequence ?? 0);
    const known = { topicNo: topic.no, idTag: topic.idTag, epoch: topic.epoch, sequence };
    const delivered = told?.delivered ?? 0;
    outlet.subscribed({
      ...{ ...known, request, subscription, delivered, recovered: null, gap: null },
    });
  }

  nextRound(): void {
    this.round = (this.round + 1) & 0xffff;
  }

  /** What it was sent does not count any more. */
  forgetHeld(): void {
    this.held.clear();
    this.ids = null;
    if (this.giving !== null) this.giving = [];
  }

  /** From GIVEN: the socket took the first `taken`; false: it is of a GIVE that is not known any more. */
  given(taken: number): boolean {
    if (this.giving === null) return false;
    const isSettled = this.op.options.ack === 'none';
    this.giving.forEach((sequence, n) => {
      if (isSettled || n >= taken) this.held.settled(sequence);
    });
    this.giving = null;
    this.wants(Math.max(0, this.givingCount - taken));
    return true;
  }
}
