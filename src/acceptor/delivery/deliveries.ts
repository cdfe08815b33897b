/**
 * From the workers' operations to the sockets: groups, pages, joins and leaves, and what comes back when
 * a socket takes no more. Everything on one link is handled in the order it came.
 */
import type { TemplatedApp } from 'uWebSockets.js';
import type { Clock } from '../../core/clock.js';
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { DeliverGroupOp, DeliverOp, JoinOp, LeaveOp } from '../../thread/ops/deliver.js';
import { readDeliver, readDeliverGroup, readJoin, readLeave } from '../../thread/ops/deliver.js';
import { ENCODING_MSGPACK } from '../../thread/ops/encoding.js';
import { type GapOp, readGap } from '../../thread/ops/gap.js';
import { type GiveOp, type ProbeOp, readGive, readProbe } from '../../thread/ops/give.js';
import {
  OP_CAUGHT_UP,
  OP_DELIVER,
  OP_DELIVER_GROUP,
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
import type { PackReader } from '../../thread/packing/pack-reader.js';
import type { Guard } from '../http/guard.js';
import type { DeliverySink } from '../workers/workers.js';
import { sendCredit, sendDrained, sendGiven, sendLeft, sendProbed } from './delivery-reports.js';
import { GroupChunk } from './group-chunk.js';
import { GroupPump } from './group-pump.js';
import { Pace } from './pace.js';
import { PublishLog } from './publish-log.js';
import {
  type Receiver,
  ReceiverSubscription,
  type ReceiverSubscriptionFields,
  type SocketGroup,
  subscriptionKey,
  TAKEN,
} from './receiver.js';
import type { ReceiverKind } from './receiver-kind.js';
import { KIND_JSON, KIND_MSGPACK, KIND_SINGLE, KIND_SSE } from './receiver-kind.js';
import { SingleFramePump } from './single-frame-pump.js';
import { SocketGroups } from './socket-groups.js';

export interface DeliveriesOptions {
  app: TemplatedApp;
  clock: Clock;
  guard: Guard;
  /** How busy this thread was since it was asked last, 0 to 1. */
  busyShare: () => number;
  /** UNSUBSCRIBED may not have been asked for. */
  onSubscribed: (op: SubscribedOp) => void;
  onUnsubscribed: (link: AcceptorLinkEnd, op: UnsubscribedOp) => void;
  onGap: (link: AcceptorLinkEnd, op: GapOp) => void;
  onLinked: (link: AcceptorLinkEnd) => void;
  onUnlinked: (link: AcceptorLinkEnd) => void;
  /** Frames that wait for the end of the turn go out. */
  onTurnEnd: () => void;
}

export class Deliveries implements DeliverySink {
  readonly #options: DeliveriesOptions;
  readonly #groups = new SocketGroups();
  readonly #byNumber = new Map<number, ReceiverSubscription>();
  readonly #log = new PublishLog();
  readonly #pump: GroupPump;
  readonly #singleFrames: SingleFramePump;
  /**
   * Sockets that refused a publish: they leave uWS' topics before the next publish. Not at once, since
   * uWS is then walking the topic's subscribers, and dies when one leaves (tried: SIGSEGV).
   */
  #leaving: { receiver: Receiver; group: SocketGroup }[] = [];
  /** Bytes handled and not credited yet, by link. */
  readonly #credit = new Map<AcceptorLinkEnd, number>();
  /** Whom the operation is for that is being handled; null: not known, or many. */
  #subject: Receiver | null = null;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#pump = new GroupPump({
      clock: options.clock,
      pace: new Pace(options.busyShare),
      publish: (group, chunk) => this.#publishChunk(group, chunk),
    });
    this.#singleFrames = new SingleFramePump({
      app: options.app,
      log: this.#log,
      beforePublish: this.#applyLeaving,
      onPublished: (chunk) => this.#release(chunk),
    });
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
      case OP_CAUGHT_UP: {
        const op = readCaughtUp(reader);
        this.#find(link, op.subscription)?.caughtUp(op.sequence);
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
    const groups = [...receiver.subscriptions.values()].map(({ group }) => group);
    const place = this.#log.find(bytes, receiver.kind, groups);
    if (place < 0) return;
    for (const subscription of receiver.subscriptions.values()) {
      const { group, state } = subscription;
      const last = this.#log.lastBefore(place, group, receiver.kind);
      if (state === 'joined') {
        this.#leaving.push({ receiver, group });
        group.changed(receiver.kind, -1);
        sendLeft(subscription, last);
      } else if (state === 'refused' && last < subscription.lastSequence) {
        // uWS refuses a large message before the small ones that wait in front of it.
        sendLeft(subscription, last);
      }
    }
    receiver.lagging();
  }

  /** To be called before anything is published, and before anybody joins. */
  readonly #applyLeaving = (): void => {
    if (this.#leaving.length === 0) return;
    const leaving = this.#leaving;
    this.#leaving = [];
    const { guard } = this.#options;
    for (const { receiver, group } of leaving) {
      guard.run('leaving a group', receiver, () => receiver.leaveGroup(group));
    }
  };

  /** A receiver's socket has room again: what it owes is sent. */
  drained(receiver: Receiver): void {
    for (const subscription of receiver.subscriptions.values()) {
      if (subscription.owesGiven !== null) sendGiven(subscription, subscription.owesGiven);
      if (subscription.owesProbed && receiver.isEmpty) sendProbed(subscription, 'filled');
      if (subscription.state !== 'refused' && !subscription.owesDrained) continue;
      if (subscription.state === 'refused') subscription.state = 'paging';
      sendDrained(subscription);
    }
  }

  /** A subscription is open here: operations may name it. It has a place in a group of its topic. */
  open(fields: ReceiverSubscriptionFields, topicNo: number): ReceiverSubscription {
    const group = this.#groups.enter(fields.link, topicNo);
    const subscription = new ReceiverSubscription(fields, group);
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
    if (!receiver.isGone) this.#flush(group);
    if (subscription.state === 'joined') this.#leaveGroup(subscription);
    this.#byNumber.delete(subscription.number);
    receiver.subscriptions.delete(subscriptionKey(topic, name));
    if (group.size === 0) this.#flush(group);
    if (subscription.state !== 'orphaned') this.#groups.exit(group);
  }

  /** The worker is gone: where the subscription stood is kept for the next one. */
  orphan(subscription: ReceiverSubscription): void {
    this.#flush(subscription.group);
    const { lastSequence } = subscription;
    if (subscription.state === 'joined') this.#leaveGroup(subscription);
    subscription.lastSequence = lastSequence;
    subscription.state = 'orphaned';
    subscription.owesDrained = false;
    subscription.owesGiven = null;
    subscription.owesProbed = false;
    subscription.round = 0;
    this.#byNumber.delete(subscription.number);
  }

  /** Everything that waits for its turn is handed to the sockets. */
  flush(): void {
    this.#pump.flushAll();
    this.#singleFrames.flushAll();
  }

  #flush(group: SocketGroup): void {
    this.#pump.flush(group);
    this.#singleFrames.flush(group);
  }

  #deliverGroup(link: AcceptorLinkEnd, op: DeliverGroupOp): void {
    const chunk = new GroupChunk(link, op);
    for (const group of this.#groups.of(link, op.topicNo)) {
      if (group.size > 0) this.#pump.add(group, chunk);
    }
    this.#release(chunk);
  }

  #publishChunk(group: SocketGroup, chunk: GroupChunk): void {
    const { op } = chunk;
    if (op.encoding === ENCODING_MSGPACK) this.#publish(group, KIND_MSGPACK, op);
    else {
      this.#publish(group, KIND_JSON, op);
      if (group.membersOf(KIND_SINGLE) > 0) this.#singleFrames.add(group, chunk);
      if (group.streams.size > 0) this.#streamGroup(group, chunk);
    }
    this.#release(chunk);
  }

  #release(chunk: GroupChunk): void {
    if (chunk.release()) sendCredit(chunk.link, chunk.op.frames.length);
  }

  #publish(group: SocketGroup, kind: ReceiverKind, op: DeliverGroupOp): void {
    if (group.membersOf(kind) === 0) return;
    this.#applyLeaving();
    this.#log.add({ group, kind, first: op.firstSequence, frames: op.frames });
    this.#options.app.publish(group.nameOf(kind), op.frames, kind === KIND_MSGPACK);
    group.published(kind, op.lastSequence);
  }

  /** SSE streams are few: each is written to in turn. */
  #streamGroup(group: SocketGroup, chunk: GroupChunk): void {
    for (const receiver of group.streams) {
      try {
        const { subscription } = receiver;
        if (subscription === undefined) continue;
        if (receiver.sendEvents(chunk.events(subscription.epoch)) === TAKEN) continue;
        this.#leaveGroup(subscription);
        sendLeft(subscription, chunk.op.firstSequence - 1);
        receiver.lagging();
      } catch (error) {
        this.#options.guard.broken('stream', receiver, error);
      }
    }
    group.published(KIND_SSE, chunk.op.lastSequence);
  }

  #deliver(link: AcceptorLinkEnd, op: DeliverOp): void {
    this.#credited(link, op.frames.length);
    const subscription = this.#find(link, op.subscription);
    if (subscription === undefined || subscription.round !== op.round) return;
    const { receiver, group } = subscription;
    this.#flush(group);
    const taken = op.frames.length === 0 ? TAKEN : receiver.sendPage(op.frames, subscription);
    if (taken !== TAKEN) {
      sendLeft(subscription, Math.max(taken, op.firstSequence - 1));
      receiver.lagging();
      return;
    }
    subscription.lastSequence = op.lastSequence;
    if (receiver.hasRoom) sendDrained(subscription);
    else {
      subscription.owesDrained = true;
      receiver.lagging();
    }
  }

  /** What waits for its group goes out before what is sent to it alone. */
  #give(link: AcceptorLinkEnd, op: GiveOp): void {
    this.#credited(link, op.frames.length);
    const subscription = this.#find(link, op.subscription);
    if (subscription === undefined) return;
    const { receiver, group } = subscription;
    this.#flush(group);
    const taken = receiver.giveMessages(op.frames, subscription);
    if (receiver.hasRoom) {
      sendGiven(subscription, taken);
      return;
    }
    subscription.owesGiven = taken;
    receiver.lagging();
  }

  #probe(link: AcceptorLinkEnd, op: ProbeOp): void {
    const subscription = this.#find(link, op.subscription);
    if (subscription === undefined) return;
    const { receiver, group } = subscription;
    this.#flush(group);
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
    this.#applyLeaving();
    const { receiver, group } = subscription;
    this.#flush(group);
    if (group.membersOf(receiver.kind) === 0) {
      group.published(receiver.kind, subscription.lastSequence);
    }
    subscription.state = 'joined';
    group.changed(receiver.kind, 1);
    receiver.joinGroup(group);
  }

  #leave(link: AcceptorLinkEnd, op: LeaveOp): void {
    const subscription = this.#find(link, op.subscription);
    if (subscription?.state !== 'joined') return;
    this.#flush(subscription.group);
    this.#leaveGroup(subscription);
  }

  #leaveGroup(subscription: ReceiverSubscription): void {
    const { receiver, group, lastSequence } = subscription;
    subscription.state = 'paging';
    subscription.lastSequence = lastSequence;
    group.changed(receiver.kind, -1);
    receiver.leaveGroup(group);
  }

  #find(link: AcceptorLinkEnd, number: number): ReceiverSubscription | undefined {
    const subscription = this.byNumber(number);
    return subscription?.link === link ? subscription : undefined;
  }

  #credited(link: AcceptorLinkEnd, bytes: number): void {
    this.#credit.set(link, (this.#credit.get(link) ?? 0) + bytes);
  }
}
