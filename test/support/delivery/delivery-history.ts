/**
 * What publishers and subscribers of a test saw, in the order they saw it, and where everything
 * stood at the end. Plain data: delivery-checker.ts judges it. Times are ms of one clock.
 */

/** A session of one consumer; all its subscriptions have one name, or are ephemeral. */
export interface Opened {
  type: 'opened';
  at: number;
  connection: number;
  /** null: ephemeral. */
  subscription: string | null;
  topics: readonly string[];
}

export type DeliveryEvent =
  /** A publish that was answered 200. */
  | { type: 'published'; topic: string; sequence: number; messageId: string; mark: string }
  | Opened
  /** `position`: the last sequence that is not to come. */
  | { type: 'subscribed'; at: number; connection: number; topic: string; position: number }
  | {
      type: 'delivered';
      at: number;
      connection: number;
      topic: string;
      sequence: number;
      messageId: string;
      /** What tells the payload from all others. */
      mark: string;
      attempt: number;
    }
  | {
      type: 'said';
      at: number;
      connection: number;
      verdict: 'ack' | 'nack' | 'reject';
      topic: string;
      sequence: number;
      cumulative: boolean;
      ref: string;
    }
  /** The `acked` of a ref came. */
  | { type: 'confirmed'; at: number; connection: number; ref: string }
  /** The consumer has begun to end its session; `ended` follows. */
  | { type: 'ending'; at: number; connection: number }
  /** Told when it begins and when it is over: what was sent to it may not have come. */
  | { type: 'unreached'; at: number; connection: number }
  /** `clean`: both sides said goodbye. */
  | { type: 'ended'; at: number; connection: number; clean: boolean };

export type Delivered = Extract<DeliveryEvent, { type: 'delivered' }>;
export type Said = Extract<DeliveryEvent, { type: 'said' }>;

export interface LoggedMessage {
  topic: string;
  sequence: number;
  messageId: string;
  mark: string;
}

export interface DeadLetterRow {
  id: number;
  topic: string;
  /** null: of an ephemeral subscription. */
  subscription: string | null;
  sequence: number;
  attempts: number;
  reason: string;
}

/** A durable subscription as the server tells it at the end. */
export interface DurableEnd {
  topic: string;
  name: string;
  /** `one`: never more than one session at a time. */
  sessions: 'one' | 'group';
  /** Last sequence that it was not to be given. */
  startedAfter: number;
  ackFloor: number;
}

export interface DeliveryHistory {
  events: readonly DeliveryEvent[];
  /** The log at the end. */
  log: readonly LoggedMessage[];
  deadLetters: readonly DeadLetterRow[];
  durables: readonly DurableEnd[];
  maxDeliver: number;
}
