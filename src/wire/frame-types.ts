/** Frames a client sends, decoded. Null: the client left it out, or sent null. */
import type { RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import type { PublishRequest } from './publish-fields.js';
import type { Ref } from './ref.js';
import type { StartPosition } from './start.js';

export type { Ref } from './ref.js';

export interface SubscribeFrame {
  type: 'subscribe';
  ref: Ref;
  topic: string;
  /** Null: ephemeral. */
  subscription: string | null;
  ack: 'explicit' | 'none' | null;
  /** 1 to 1000. */
  maxInFlight: number | null;
  start: StartPosition | null;
  /** 1 to 3,600,000. */
  ackWaitMs: number | null;
  /** 1 to 1,000. */
  maxDeliver: number | null;
  ordering: 'none' | 'key' | 'topic' | null;
  exclusive: boolean;
}

export interface UnsubscribeFrame {
  type: 'unsubscribe';
  ref: Ref;
  topic: string;
  subscription: string | null;
}

/** The delivery a verdict is about: by id, or else by topic and sequence. */
export interface DeliveryTarget {
  /** 16 bytes, a copy; null: `topic` and `sequence` are given. */
  messageId: Uint8Array | null;
  /** May be given beside `messageId` too; null: not given. */
  topic: string | null;
  /** 1 to 2^53-1; 0: `messageId` is given. */
  sequence: number;
  /** Null: all subscriptions of the session. */
  subscription: string | null;
}

export interface AckFrame extends DeliveryTarget {
  type: 'ack';
  ref: Ref;
  /** All up to `sequence`; never with `messageId`. */
  cumulative: boolean;
}

export interface NackFrame extends DeliveryTarget {
  type: 'nack';
  ref: Ref;
  /** 0 to delayMsMax; null: by the backoff. */
  delayMs: number | null;
  /** At most 1,024 characters. */
  reason: string | null;
}

export interface ExtendFrame extends DeliveryTarget {
  type: 'extend';
  ref: Ref;
  /** 1 to 3,600,000; null: one more ack wait. */
  ms: number | null;
}

export interface RejectFrame extends DeliveryTarget {
  type: 'reject';
  ref: Ref;
  /** At most 1,024 characters. */
  reason: string | null;
}

export interface PublishFrame {
  type: 'publish';
  ref: Ref;
  publish: PublishRequest;
}

export interface HeartbeatFrame {
  type: 'heartbeat';
  ref: Ref;
}

/** The session goes on with another token. */
export interface RefreshFrame {
  type: 'refresh';
  ref: Ref;
  token: string;
}

/** What the client calls itself, for whoever looks at sessions. */
export interface HelloFrame {
  type: 'hello';
  ref: Ref;
  /** 1 to 64 characters. */
  client: string;
  /** At most 64 characters. */
  version: string | null;
}

export type ClientFrame =
  | SubscribeFrame
  | UnsubscribeFrame
  | AckFrame
  | NackFrame
  | ExtendFrame
  | RejectFrame
  | PublishFrame
  | HeartbeatFrame
  | RefreshFrame
  | HelloFrame;

/** Takes what a WebSocket message held, frame by frame, in order. */
export interface FrameSink {
  /** What the frames are held to. */
  readonly limits: Limits;
  /** False: the rest of the message is not read. */
  readonly wantsMore: boolean;
  frame(frame: ClientFrame): void;
  /** `ref`: null if the frame has none or it could not be read. */
  bad(error: RequestError, ref: Ref): void;
  /** So many frames were bad that the rest of the message is not read. */
  tooManyBad(): void;
}
