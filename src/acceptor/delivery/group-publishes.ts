/**
 * What is published to the groups of this acceptor: chunks on their way, which bytes each group had, and the
 * sockets that refused some. Whoever refuses leaves its groups before anything else is published.
 */
import type { Clock } from '../../core/clock.js';
import type { DeliverGroupOp } from '../../thread/ops/deliver.js';
import { ENCODING_MSGPACK } from '../../thread/ops/encoding.js';
import type { Guard } from '../http/guard.js';
import { sendCredit, sendLeft } from './delivery-reports.js';
import type { GroupChunk } from './group-chunk.js';
import { GroupPump } from './group-pump.js';
import { Pace } from './pace.js';
import { PublishLog } from './publish-log.js';
import { type Receiver, type ReceiverSubscription, type SocketGroup, TAKEN } from './receiver.js';
import type { ReceiverKind } from './receiver-kind.js';
import { KIND_JSON, KIND_MSGPACK, KIND_SINGLE, KIND_SSE } from './receiver-kind.js';
import { SingleFramePump } from './single-frame-pump.js';
import type { SocketPublisher } from './socket-publisher.js';

export interface GroupPublishesOptions {
  sockets: SocketPublisher;
  clock: Clock;
  guard: Guard;
  /** How busy this thread was since it was asked last, 0 to 1. */
  busyShare: () => number;
}

export interface GroupFence {
  /** Who may not be given what comes next leaves the group; called before it is published. */
  admit: (group: SocketGroup) => void;
}

export class GroupPublishes {
  readonly #options: GroupPublishesOptions & GroupFence;
  readonly #log = new PublishLog();
  readonly #pump: GroupPump;
  readonly #singleFrames: SingleFramePump;
  /**
   * Sockets that refused a publish: they leave uWS' topics before the next publish. Not at once, since
   * uWS is then walking the topic's subscribers, and dies when one leaves (tried: SIGSEGV).
   */
  #leaving: { receiver: Receiver; group: SocketGroup }[] = [];

  constructor(options: GroupPublishesOptions & GroupFence) {
    this.#options = options;
    this.#pump = new GroupPump({
      clock: options.clock,
      pace: new Pace(options.busyShare),
      publish: (group, chunk) => this.#publishChunk(group, chunk),
    });
    this.#singleFrames = new SingleFramePump({
      sockets: options.sockets,
      log: this.#log,
      admit: options.admit,
      beforePublish: this.applyLeaving,
      onPublished: (chunk) => this.release(chunk),
    });
  }

  /** It goes out when it is the group's turn. */
  add(group: SocketGroup, chunk: GroupChunk): void {
    this.#pump.add(group, chunk);
  }

  /** One of those who hold it does not any more; its bytes are credited with the last. */
  release(chunk: GroupChunk): void {
    if (chunk.release()) sendCredit(chunk.link, chunk.op.frames.length);
  }

  /** What waits for the group's turn is handed to its sockets. */
  flush(group: SocketGroup): void {
    this.#pump.flush(group);
    this.#singleFrames.flush(group);
  }

  flushAll(): void {
    this.#pump.flushAll();
    this.#singleFrames.flushAll();
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
        group.fenced.delete(subscription);
        sendLeft(subscription, last);
      } else if (state === 'refused' && last < subscription.lastSequence) {
        // uWS refuses a large message before the small ones that wait in front of it.
        sendLeft(subscription, last);
      }
    }
    receiver.lagging();
  }

  /** To be called before anything is published, and before anybody joins. */
  readonly applyLeaving = (): void => {
    if (this.#leaving.length === 0) return;
    const leaving = this.#leaving;
    this.#leaving = [];
    const { guard } = this.#options;
    for (const { receiver, group } of leaving) {
      guard.run('leaving a group', receiver, () => receiver.leaveGroup(group));
    }
  };

  #publishChunk(group: SocketGroup, chunk: GroupChunk): void {
    const { op } = chunk;
    this.#options.admit(group);
    if (op.encoding === ENCODING_MSGPACK) this.#publish(group, KIND_MSGPACK, op);
    else {
      this.#publish(group, KIND_JSON, op);
      if (group.membersOf(KIND_SINGLE) > 0) this.#singleFrames.add(group, chunk);
      if (group.streams.size > 0) this.#streamGroup(group, chunk);
    }
    this.release(chunk);
  }

  #publish(group: SocketGroup, kind: ReceiverKind, op: DeliverGroupOp): void {
    if (group.membersOf(kind) === 0) return;
    this.applyLeaving();
    this.#log.add({ group, kind, first: op.firstSequence, frames: op.frames });
    const form = kind === KIND_MSGPACK ? 'binary' : 'text';
    this.#options.sockets.publish(group.nameOf(kind), op.frames, form);
    group.published(kind, op.lastSequence);
  }

  /** SSE streams are few: each is written to in turn. */
  #streamGroup(group: SocketGroup, chunk: GroupChunk): void {
    for (const receiver of group.streams) {
      try {
        const { subscription } = receiver;
        if (subscription === undefined) continue;
        const { epoch } = subscription;
        const events = chunk.events({ epoch, form: receiver.form });
        if (receiver.sendEvents(events) === TAKEN) continue;
        leaveGroup(subscription);
        sendLeft(subscription, chunk.op.firstSequence - 1);
        receiver.lagging();
      } catch (error) {
        this.#options.guard.broken('stream', receiver, error);
      }
    }
    group.published(KIND_SSE, chunk.op.lastSequence);
  }
}

/** It is fed by pages from now on, from where its group has brought it, which is returned. */
export function leaveGroup(subscription: ReceiverSubscription): number {
  const { receiver, group } = subscription;
  const { lastSequence } = subscription;
  subscription.state = 'paging';
  subscription.lastSequence = lastSequence;
  group.fenced.delete(subscription);
  group.changed(receiver.kind, -1);
  receiver.leaveGroup(group);
  return lastSequence;
}
