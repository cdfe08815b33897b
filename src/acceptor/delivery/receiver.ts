/**
 * What deliveries see of a session: something with a number, of one kind, that takes frames until its
 * socket is full. WebSocket sessions and SSE streams are receivers.
 */

import type { ClientName } from '../../core/client-name.js';
import type { CloseReason, ErrorCode } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { SubscribeOptions } from '../../thread/ops/subscribe-options.js';
import type { FrameForm } from '../../wire/event-of-message.js';
import type { Ref } from '../../wire/frame-types.js';
import type { ServerFrame } from '../../wire/server-frame-types.js';
import type { Subject } from '../http/guard.js';
import type { Fence } from './fence.js';
import type { ReceiverKind } from './receiver-kind.js';
import type { SocketGroupOf } from './socket-group.js';

/** A page went to the socket whole. */
export const TAKEN = -1;

/** Where a receiver keeps a subscription: a topic has one ephemeral one, and any number of names. */
export function subscriptionKey(topic: string, name: string | null): string {
  return name === null ? topic : `${topic} ${name}`;
}

/** Of the key: neither name can hold a space. */
export function subscriptionPlace(key: string): { topic: string; name: string | null } {
  const [topic = '', name = null] = key.split(' ');
  return { topic, name };
}

/** A group, as all but its own file know it. */
export type SocketGroup = SocketGroupOf<EventReceiver, ReceiverSubscription>;

export interface ReceiverSubscriptionFields {
  receiver: Receiver;
  number: number;
  topic: string;
  options: SubscribeOptions;
  link: AcceptorLinkEnd;
  idTag: number;
  epoch: string;
  lastSequence: number;
}

/** One subscription of a receiver, as this acceptor has it. */
export class ReceiverSubscription {
  readonly receiver: Receiver;
  /** The operations' number of it. */
  readonly number: number;
  readonly topic: string;
  readonly options: SubscribeOptions;
  link: AcceptorLinkEnd;
  group: SocketGroup;
  idTag: number;
  epoch: string;
  /**
   * paging: fed by DELIVER; joined: in the group; refused: its socket took no more, LEFT was sent
   * and DRAINED is owed; orphaned: its worker is gone, and it is being subscribed again.
   */
  state: 'paging' | 'joined' | 'refused' | 'orphaned' = 'paging';
  /** See thread/ops/deliver.ts. */
  round = 0;
  /** A DELIVER was taken and its DRAINED is owed, since the socket is rather full. */
  owesDrained = false;
  /** How much of a GIVE was taken, when its GIVEN is owed for the same reason. */
  owesGiven: number | null = null;
  /** A PROBE came while the socket was not empty. */
  owesProbed = false;
  /** Of one that is coordinated here; null: what comes for it is written. */
  fence: Fence | null = null;
  /** Last sequence handed to the socket, when it is not in the group. */
  #lastSequence: number;

  constructor(fields: ReceiverSubscriptionFields, group: SocketGroup) {
    this.receiver = fields.receiver;
    this.number = fields.number;
    this.topic = fields.topic;
    this.options = fields.options;
    this.link = fields.link;
    this.group = group;
    this.idTag = fields.idTag;
    this.epoch = fields.epoch;
    this.#lastSequence = fields.lastSequence;
  }

  /** Durable under this name; null: ephemeral. */
  get name(): string | null {
    return this.options.name;
  }

  /** It was given all that was there when it came. */
  caughtUp(sequence: number): void {
    const { receiver, topic } = this;
    const subscription = this.name ?? undefined;
    receiver.sendFrame({ type: 'caught_up', topic, subscription, sequence });
  }

  /** It was moved: what its socket refuses late of what was sent before is not told any more. */
  sought(sequence: number): void {
    this.nextRound();
    // Ahead only a durable one is moved: where it goes on is in the store, if its worker dies now.
    const isAhead = this.state === 'refused' && sequence > this.lastSequence;
    this.lastSequence = isAhead ? 0 : sequence;
  }

  nextRound(): number {
    this.round = (this.round + 1) & 0xffff;
    return this.round;
  }

  get lastSequence(): number {
    return this.state === 'joined' ? this.group.lastOf(this.receiver.kind) : this.#lastSequence;
  }

  set lastSequence(sequence: number) {
    this.#lastSequence = sequence;
  }
}

/** Abrupt: without a close frame. */
export type ReceiverEnd = 'clean' | 'abrupt';

export interface Receiver extends Subject {
  readonly number: number;
  readonly kind: ReceiverKind;
  /** Who asks through it. */
  readonly principal: Principal;
  /** By subscriptionKey. */
  readonly subscriptions: Map<string, ReceiverSubscription>;
  /** Of the client, which may stand behind proxies; '': it is not known. */
  readonly address: string;
  /** What the client calls itself; null: it has not said. */
  readonly client: ClientName | null;
  /** Unix ms; 0: it is not open yet. */
  readonly connectedAtMs: number;
  /** Bytes that wait for its socket; null: nobody knows. */
  readonly bufferBytes: number | null;
  /** Workers that know of it, to be told of its end. */
  links: readonly AcceptorLinkEnd[];
  /** Enters or leaves what the group publishes to. */
  joinGroup(group: SocketGroup): void;
  leaveGroup(group: SocketGroup): void;
  /**
   * Hands a page to the socket: TAKEN, or the last sequence that it took when it refused the rest (0:
   * nothing of the page).
   */
  sendPage(frames: Uint8Array, subscription: ReceiverSubscription): number;
  /** The same for messages that are no page: how many it took from the start, Infinity for all. */
  giveMessages(frames: Uint8Array, subscription: ReceiverSubscription): number;
  /** It has ended, or is ending: it takes nothing more. */
  readonly isGone: boolean;
  /** Whether the socket is empty enough for another page. */
  readonly hasRoom: boolean;
  /** Whether nothing waits for the socket. */
  readonly isEmpty: boolean;
  /** `then` is called once what it has sent is read that waits now, at once or later; never if it ends. */
  whenRead(then: () => void): void;
  /** A frame that is no message. */
  sendFrame(frame: ServerFrame): void;
  /** Something that it asked for failed; `ref` as it sent it. */
  refuse(code: ErrorCode, message: string, ref: Ref): void;
  /** So much as there is for it now it was given: of one that says what it wants. */
  dry(subscription: ReceiverSubscription): void;
  /** It stood still and goes on: its worker is another one, to which it has said nothing yet. */
  resumed(subscription: ReceiverSubscription): void;
  /** A subscription of it ended, or stands still, by no doing of its own. */
  pardon(): void;
  /** Its socket refuses messages from now on, until it drains. */
  lagging(): void;
  /** Ends it, and tells it why: by its API key or its token, or since somebody closed it. */
  dismiss(why: CloseReason): void;
  /** The topic was deleted and this was its subscription. */
  topicDeleted(): void;
}

/** A stream of server-sent events: one subscription, and what is sent to many is made once for all. */
export interface EventReceiver extends Receiver {
  readonly form: FrameForm;
  readonly subscription: ReceiverSubscription | undefined;
  /** As sendPage, of frames that are text already. */
  sendEvents(events: Uint8Array): number;
}
