/**
 * From the workers' operations to the receivers: pages, joins and leaves, and what is owed to a worker once a
 * socket has room again. Everything on one link is handled in the order it came.
 */

import type { QuotaLedger } from '../../tenant/quota-ledger.js';
import type { Lease } from '../../thread/lease.js';
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { DeliverGroupOp, DeliverOp, JoinOp, LeaveOp } from '../../thread/ops/deliver.js';
import { readDeliver, readDeliverGroup, readJoin, readLeave } from '../../thread/ops/deliver.js';
import { ENCODING_MSGPACK } from '../../thread/ops/encoding.js';
import { readFence } from '../../thread/ops/fence.js';
import { type GapOp, readGap } from '../../thread/ops/gap.js';
import { type GiveOp, type ProbeOp, readGive, readProbe } from '../../thread/ops/give.js';
import {
  OP_CAUGHT_UP,
  OP_DELIVER,
  OP_DELIVER_GROUP,
  OP_DRY,
  OP_FENCE,
  OP_GAP,
  OP_GIVE,
  OP_JOIN,
  OP_LEAVE,
  OP_PROBE,
  OP_SOUGHT,
  OP_SUBSCRIBED,
  OP_UNSUBSCRIBED,
} from '../../thread/ops/opcodes.js';
import { readSought } from '../../thread/ops/sought.js';
import type { SubscribedOp, UnsubscribedOp } from '../../thread/ops/subscribe.js';
import { readCaughtUp, readSubscribed, readUnsubscribed } from '../../thread/ops/subscribe.js';
import { readDry } from '../../thread/ops/want.js';
import type { PackReader } from '../../thread/packing/pack-reader.js';
import type { DeliverySink } from '../workers/workers.js';
import { DeliveryQuota } from './delivery-quota.js';
import { sendCredit, sendDrained, sendGiven, sendLeft, sendProbed } from './delivery-reports.js';
import { GroupChunk } from './group-chunk.js';
import { behindFence, setFence } from './group-fences.js';
import { GroupPublishes, type GroupPublishesOptions, leaveGroup } from './group-publishes.js';
import {
  type Receiver,
  ReceiverSubscription,
  type ReceiverSubscriptionFields,
  type SocketGroup,
  subscriptionKey,
  TAKEN,
} from './receiver.js';
import { KIND_MSGPACK } from './receiver-kind.js';
import { SocketGroups } from './socket-groups.js';

export interface DeliveriesOptions extends GroupPublishesOptions {
  quotas: Pick<QuotaLedger, 'of'>;
  /** UNSUBSCRIBED may not have been asked for. */
  onSubscribed: (op: SubscribedOp) => void;
  onUnsubscribed: (link: AcceptorLinkEnd, op: UnsubscribedOp) => void;
  onGap: (link: AcceptorLinkEnd, op: GapOp) => void;
  onLinked: (link: AcceptorLinkEnd) => void;
  onUnlinked: (link: AcceptorLinkEnd) => void;
  /** Of this node, in the database of that place. */
  leaseOf: (place: number) => Lease;
  /** Frames that wait for the end of the turn go out. */
  onTurnEnd: () => void;
}

export class Deliveries implements DeliverySink {
  /** Messages that sockets took, each for its own. */
  readonly delivered = { json: 0, msgpack: 0 };
  readonly #options: DeliveriesOptions;
  readonly #groups = new SocketGroups();
  readonly #byNumber = new Map<number, ReceiverSubscription>();
  readonly #publishes: GroupPublishes;
  readonly #quota: DeliveryQuota<Receiver>;
  /** Bytes handled and not credited yet, by link. */
  readonly #credit = new Map<AcceptorLinkEnd, number>();
  /** Whom the operation is for that is being handled; null: not known, or many. */
  #subject: Receiver | null = null;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#publishes = new GroupPublishes({
      ...options,
      admit: (group) => {
        for (const one of behindFence(group)) this.#giveBack(one, leaveGroup(one));
      },
    });
    this.#quota = new DeliveryQuota<Receiver>(options.quotas);
  }

  /** What fails for one receiver ends that one. */
  handle(link: AcceptorLinkEnd, op: number, reader: PackReader): boolean {
    this.#subject = null;
    try {
      return this.#handle(link, op, reader);
    } catch (error) {
      if (this.#subject === null) throw error;
      this.#options.guard.broken('delivery', this.#subject, error);
      return true;
    }
  }

  #handle(link: AcceptorLinkEnd, op: number, reader: PackReader): boolean {
    switch (op) {
      case OP_DELIVER_GROUP:
        this.#deliverGroup(link, readDeliverGroup(reader));
        return true;
      case OP_DELIVER:
        this.#deliver(link, readDeliver(reader));
        return true;
      case OP_GIVE:
        this.#give(link, readGive(reader));
        return true;
      case OP_PROBE:
        this.#probe(link, readProbe(reader));
        return true;
      case OP_JOIN:
        this.#join(link, readJoin(reader));
        return true;
      case OP_LEAVE:
        this.#leave(link, readLeave(reader));
        return true;
      case OP_SOUGHT: {
        const op = readSought(reader);
        this.#find(link, op.subscription)?.sought(op.sequence);
        return true;
      }
      case OP_FENCE: {
        const op = readFence(reader);
        const one = this.#find(link, op.subscription);
        if (one !== undefined) setFence(one, op, this.#options.leaseOf);
        return true;
      }
      case OP_CAUGHT_UP: {
        const op = readCaughtUp(reader);
        this.#find(link, op.subscription)?.caughtUp(op.sequence);
        return true;
      }
      case OP_DRY: {
        const one = this.#find(link, readDry(reader).subscription);
        one?.receiver.dry(one);
        return true;
      }
      case OP_SUBSCRIBED:
        this.#options.onSubscribed(readSubscribed(reader));
        return true;
      case OP_UNSUBSCRIBED:
        this.#options.onUnsubscribed(link, readUnsubscribed(reader));
        return true;
      case OP_GAP:
        this.#options.onGap(link, readGap(reader));
        return true;
      default:
        return false;
    }
  }

  endTurn(): void {
    for (const [link, bytes] of this.#credit) sendCredit(link, bytes);
    this.#credit.clear();
    this.#options.onTurnEnd();
  }

  linked(link: AcceptorLinkEnd): void {
    this.#options.onLinked(link);
  }

  unlinked(link: AcceptorLinkEnd): void {
    this.#credit.delete(link);
    this.#options.onUnlinked(link);
    this.#groups.unlinked(link);
  }

  /** A socket refused bytes that were published to a group: it leaves all its groups. */
  refused(receiver: Receiver, bytes: Uint8Array): void {
    this.#publishes.refused(receiver, bytes);
  }

  /** A receiver's socket has room again: what it owes is sent, if its tenant is to be given more. */
  drained(receiver: Receiver): void {
    const isHeldBack = this.#quota.holdsBack(receiver);
    for (const subscription of receiver.subscriptions.values()) {
      const { owesGiven } = subscription;
      if (owesGiven !== null && !isHeldBack) sendGiven(subscription, owesGiven);
      if (subscription.owesProbed && receiver.isEmpty) sendProbed(subscription, 'filled');
      if (isHeldBack) continue;
      if (subscription.state !== 'refused' && !subscription.owesDrained) continue;
      if (subscription.state === 'refused') subscription.state = 'paging';
      sendDrained(subscription);
    }
  }

  /** A subscription is open here: operations may name it. It has a place in a group of its topic. */
  open(fields: ReceiverSubscriptionFields, topicNo: number): ReceiverSubscription {
    const group = this.#groups.withRoom(fields.link, topicNo);
    group.owner = fields.receiver.principal.tenant;
    const subscription = new ReceiverSubscription(fields, group);
    group.subscriptions.push(subscription);
    this.#byNumber.set(subscription.number, subscription);
    return subscription;
  }

  /** Undefined: it has ended. What an operation does with it is done for its receiver. */
  byNumber(number: number): ReceiverSubscription | undefined {
    const subscription = this.#byNumber.get(number);
    this.#subject = subscription?.receiver ?? null;
    return subscription;
  }

  /** The subscription ends here: it is in no group any more. */
  forget(subscription: ReceiverSubscription): void {
    const { receiver, group, topic, name } = subscription;
    if (!receiver.isGone) this.#publishes.flush(group);
    if (subscription.state === 'joined') leaveGroup(subscription);
    this.#byNumber.delete(subscription.number);
    receiver.subscriptions.delete(subscriptionKey(topic, name));
    if (group.size === 0) this.#publishes.flush(group);
    if (subscription.state !== 'orphaned') this.#groups.exit(subscription);
  }

  /** The worker is gone: where the subscription stood is kept for the next one. */
  orphan(subscription: ReceiverSubscription): void {
    this.#publishes.flush(subscription.group);
    const { lastSequence } = subscription;
    if (subscription.state === 'joined') leaveGroup(subscription);
    subscription.lastSequence = lastSequence;
    subscription.state = 'orphaned';
    subscription.owesDrained = false;
    subscription.owesGiven = null;
    subscription.owesProbed = false;
    subscription.round = 0;
    subscription.fence = null;
    this.#byNumber.delete(subscription.number);
  }

  /** Tenants may be given something again. */
  quotasLeased(): void {
    for (const receiver of this.#quota.resumed()) this.#resume(receiver);
  }

  /** Everything that waits for its turn is handed to the sockets. */
  flush(): void {
    this.#publishes.flushAll();
  }

  #deliverGroup(link: AcceptorLinkEnd, op: DeliverGroupOp): void {
    const chunk = new GroupChunk(link, op);
    for (const group of this.#groups.of(link, op.topicNo)) {
      if (group.size === 0) continue;
      if (group.owner !== null && this.#quota.isSpent(group.owner)) this.#holdBack(group);
      else {
        this.#givenToGroup(group, op);
        this.#publishes.add(group, chunk);
      }
    }
    this.#publishes.release(chunk);
  }

  #givenToGroup(group: SocketGroup, op: DeliverGroupOp): void {
    const inMsgpack = group.membersOf(KIND_MSGPACK);
    const isMsgpack = op.encoding === ENCODING_MSGPACK;
    const members = isMsgpack ? inMsgpack : group.size - inMsgpack;
    const messages = members * (op.lastSequence - op.firstSequence + 1);
    this.delivered[isMsgpack ? 'msgpack' : 'json'] += messages;
    if (group.owner !== null) this.#quota.given(group.owner, messages);
  }

  #given({ kind, principal }: Receiver, messages: number): void {
    this.delivered[kind === KIND_MSGPACK ? 'msgpack' : 'json'] += messages;
    this.#quota.given(principal.tenant, messages);
  }

  /**
   * All who are in the group are fed by pages from now on, once their tenant is to be given something
   * again.
   */
  #holdBack(group: SocketGroup): void {
    this.#publishes.flush(group);
    this.#publishes.applyLeaving();
    for (const subscription of group.subscriptions) {
      if (subscription.state !== 'joined') continue;
      sendLeft(subscription, leaveGroup(subscription));
      this.#quota.holdsBack(subscription.receiver);
    }
  }

  /** Whether it is to be given more now; else that is owed. */
  #takesMore(receiver: Receiver): boolean {
    if (receiver.hasRoom) return !this.#quota.holdsBack(receiver);
    receiver.lagging();
    return false;
  }

  /** One that waited for its tenant's quota. */
  #resume(receiver: Receiver): void {
    this.#options.guard.run('resuming deliveries', receiver, () => {
      if (receiver.hasRoom) this.drained(receiver);
      else receiver.lagging();
    });
  }

  /** Whoever waits behind one of its tenant who has been served. */
  #resumeNext({ principal }: Receiver): void {
    const next = this.#quota.next(principal.tenant);
    if (next !== null) this.#resume(next);
  }

  #deliver(link: AcceptorLinkEnd, op: DeliverOp): void {
    this.#credited(link, op.frames.length);
    const subscription = this.#find(link, op.subscription);
    if (subscription === undefined || subscription.round !== op.round) return;
    const { receiver, group } = subscription;
    this.#publishes.flush(group);
    if (subscription.fence?.isOpen === false) {
      this.#giveBack(subscription, op.firstSequence - 1);
      return;
    }
    const taken = op.frames.length === 0 ? TAKEN : receiver.sendPage(op.frames, subscription);
    if (taken !== TAKEN) {
      sendLeft(subscription, Math.max(taken, op.firstSequence - 1));
      receiver.lagging();
      return;
    }
    subscription.lastSequence = op.lastSequence;
    if (op.frames.length > 0) {
      this.#given(receiver, op.lastSequence - op.firstSequence + 1);
    }
    subscription.owesDrained = true;
    if (this.#takesMore(receiver)) sendDrained(subscription);
    this.#resumeNext(receiver);
  }

  /** What was handed over after `lastSequence` is its worker's again, who may go on when it may. */
  #giveBack(subscription: ReceiverSubscription, lastSequence: number): void {
    sendLeft(subscription, lastSequence);
    this.#resume(subscription.receiver);
  }

  /** What waits for its group goes out before what is sent to it alone. */
  #give(link: AcceptorLinkEnd, op: GiveOp): void {
    this.#credited(link, op.frames.length);
    const subscription = this.#find(link, op.subscription);
    if (subscription === undefined) return;
    const { receiver, group } = subscription;
    this.#publishes.flush(group);
    const isOpen = subscription.fence?.isOpen !== false;
    const taken = isOpen ? receiver.giveMessages(op.frames, subscription) : 0;
    this.#given(receiver, Math.min(taken, op.messages));
    subscription.owesGiven = taken;
    if (this.#takesMore(receiver)) sendGiven(subscription, taken);
    this.#resumeNext(receiver);
  }

  #probe(link: AcceptorLinkEnd, op: ProbeOp): void {
    const subscription = this.#find(link, op.subscription);
    if (subscription === undefined) return;
    const { receiver, group } = subscription;
    this.#publishes.flush(group);
    subscription.owesProbed = !receiver.isEmpty;
    if (subscription.owesProbed) receiver.lagging();
    // Acknowledgements may be among what waits to be read; of what comes later they are late.
    else receiver.whenRead(() => this.#wasRead(subscription));
  }

  #wasRead(subscription: ReceiverSubscription): void {
    if (this.byNumber(subscription.number) === subscription) sendProbed(subscription, 'empty');
  }

  #join(link: AcceptorLinkEnd, op: JoinOp): void {
    const subscription = this.#find(link, op.subscription);
    if (subscription === undefined || subscription.round !== op.round) return;
    if (subscription.state === 'joined') return;
    this.#publishes.applyLeaving();
    const { receiver, group } = subscription;
    this.#publishes.flush(group);
    if (group.membersOf(receiver.kind) === 0) {
      group.published(receiver.kind, subscription.lastSequence);
    }
    subscription.state = 'joined';
    group.changed(receiver.kind, 1);
    if (subscription.fence !== null) group.fenced.add(subscription);
    receiver.joinGroup(group);
    this.#resumeNext(receiver);
  }

  #leave(link: AcceptorLinkEnd, op: LeaveOp): void {
    const subscription = this.#find(link, op.subscription);
    if (subscription?.state !== 'joined') return;
    this.#publishes.flush(subscription.group);
    leaveGroup(subscription);
  }

  #find(link: AcceptorLinkEnd, number: number): ReceiverSubscription | undefined {
    const subscription = this.byNumber(number);
    return subscription?.link === link ? subscription : undefined;
  }

  #credited(link: AcceptorLinkEnd, bytes: number): void {
    this.#credit.set(link, (this.#credit.get(link) ?? 0) + bytes);
  }
}
