/**
 * Frames the server sends, over WebSocket in JSON and msgpack, and as the data of server-sent events. A
 * frame that is not in `ServerFrame` is not sent. Members that are undefined are left out; they stand in
 * the order in which they are written.
 */
import type { ErrorCode } from '../core/errors.js';
import type { GapReason, StreamGapReason } from '../core/gap-reason.js';
import type { Ref } from './ref.js';

/** As the client sent it; undefined: it sent none. */
export type EchoedRef = NonNullable<Ref> | undefined;

/** Sequences that are not given, both ends included, and why. */
export interface GapView {
  from: number;
  to: number;
  reason: GapReason | StreamGapReason;
}

/** The live feed is attached: nothing that is published after it is missed. */
export interface SubscribedFrame {
  type: 'subscribed';
  topic: string;
  /** Undefined: ephemeral. */
  subscription?: string | undefined;
  epoch: string;
  /** Head of the topic. */
  sequence: number;
  /** Undefined: nothing was asked for that could be missing. */
  recovered?: boolean | undefined;
  gap?: GapView | undefined;
  ref?: EchoedRef;
}

/** Undefined `reason`: the client asked for it. */
export interface UnsubscribedFrame {
  type: 'unsubscribed';
  topic: string;
  subscription?: string | undefined;
  reason?: UnsubscribedReason | ErrorCode | undefined;
  ref?: EchoedRef;
}

export type UnsubscribedReason = 'topic_deleted' | 'taken_over' | 'subscription_deleted';

/** Written by hand: encodeMessages and encodeDeliveries. */
export interface MessageFrame {
  type: 'message';
  message_id: string;
  topic: string;
  payload: unknown;
  published_at: string;
  sequence: number;
  /** From 1. */
  attempt: number;
  subscription?: string | undefined;
  key?: string | undefined;
  headers?: Record<string, string> | undefined;
}

/** All that was there when the subscription began was given. */
export interface CaughtUpFrame {
  type: 'caught_up';
  topic: string;
  subscription?: string | undefined;
  sequence: number;
}

/** Only of event streams; WebSocket sessions are told in `subscribed`. */
export interface GapFrame extends GapView {
  type: 'gap';
  topic: string;
}

/** Written by hand: publishedFrame. */
export interface PublishedFrame {
  type: 'published';
  ref?: EchoedRef;
  message_id: string;
  topic: string;
  sequence: number;
  published_at: string;
  duplicate?: true | undefined;
}

/** Of a deferred publish; the last four of a repeat, as far as they are known by now. */
export interface AcceptedFrame {
  type: 'published';
  ref?: EchoedRef;
  deferred_id: number;
  topic: string;
  deliver_at: string;
  message_id?: string | undefined;
  sequence?: number | undefined;
  published_at?: string | undefined;
  duplicate?: true | undefined;
}

/** The verdict with this ref is stored. */
export interface AckedFrame {
  type: 'acked';
  ref: NonNullable<Ref>;
}

export interface HeartbeatAckFrame {
  type: 'heartbeat_ack';
  ref?: EchoedRef;
}

/** The session goes on with the token that it sent, until then. */
export interface RefreshedFrame {
  type: 'refreshed';
  expires_at: string;
  ref?: EchoedRef;
}

/** The token of the session, or of the stream, runs out then, which is in 30 s at most. */
export interface ExpiringFrame {
  type: 'expiring';
  expires_at: string;
}

/** The session stays open. */
export interface ErrorFrame {
  type: 'error';
  code: ErrorCode;
  message: string;
  ref?: EchoedRef;
}

/** The last one before the server closes. */
export interface DisconnectFrame {
  type: 'disconnect';
  /** The close code. */
  code: number;
  reason: string;
  reconnect: boolean;
  retry_after_ms?: number | undefined;
}

export type ServerFrame =
  | SubscribedFrame
  | UnsubscribedFrame
  | MessageFrame
  | CaughtUpFrame
  | GapFrame
  | PublishedFrame
  | AcceptedFrame
  | AckedFrame
  | HeartbeatAckFrame
  | RefreshedFrame
  | ExpiringFrame
  | ErrorFrame
  | DisconnectFrame;
