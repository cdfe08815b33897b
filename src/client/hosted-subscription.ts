/** What a session and its subscriptions need of one another, whatever their payloads are. */
import type { MessageFrame, ServerFrame, SubscribedFrame } from '../wire/server-frame-types.js';
import type { SubscribingFrame } from './client-frames.js';
import type { ConduitError } from './conduit-error.js';

/** pending: not yet confirmed on this connection. */
export type ConduitSubscriptionState = 'pending' | 'active' | 'closed';

export interface HostedSubscription {
  readonly topic: string;
  readonly subscription: string | undefined;
  readonly state: ConduitSubscriptionState;
  /** The frame that opens it on a connection. */
  subscribeFrame(ref: number): SubscribingFrame;
  subscribed(frame: SubscribedFrame): void;
  /** False: more comes than a node gives. `atMs`: of performance.now(). */
  receive(frame: MessageFrame, atMs: number): boolean;
  caughtUp(sequence: number): void;
  /** The connection is gone. */
  disconnected(): void;
  /** For good; null: it was left. */
  closed(failure: ConduitError | null): void;
  /** Asks for more time for what is held; a few times a second. */
  keepHeld(nowMs: number): void;
  /** Says what is to be acknowledged. */
  flushAcks(): void;
  drain(timeoutMs: number): Promise<void>;
}

export interface SubscriptionHost {
  /** Sends a frame with this turn's, if there is a connection. */
  send(frame: object): void;
  /** The same, and what the node answers to it; null: the connection ended before. */
  ask(frame: object, answered: (answer: ServerFrame | null) => void): void;
  /** Calls `flushAcks` at the end of the turn. */
  acksWait(subscription: HostedSubscription): void;
  /** Ends it at the node; resolves when that is confirmed, or there is no connection. */
  leave(subscription: HostedSubscription): Promise<void>;
  /** Something that whoever has the client is told. */
  tell(error: ConduitError): void;
}
