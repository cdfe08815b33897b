/** A message as its reader has it: what came, and what may be said of it. */
import type { MessageFrame } from '../wire/server-frame-types.js';

export interface AckOptions {
  /** All that this subscription was given before it as well. */
  cumulative?: boolean;
}

export interface NackOptions {
  /** It comes again after so long; left out: by the back-off. */
  delayMs?: number;
  /** Kept with the failure, at most 1,024 characters. */
  reason?: string;
}

/** Takes what is said of a message. */
export interface VerdictTaker<T> {
  ack(message: ConduitMessage<T>, options: AckOptions): void;
  nack(message: ConduitMessage<T>, options: NackOptions): void;
  extend(message: ConduitMessage<T>, ms: number | undefined): void;
  reject(message: ConduitMessage<T>, reason: string | undefined): void;
}

/**
 * unread: waits for its reader. handed: its reader has it. acked: dealt with, and to be said to the node.
 * settled: nothing more is to be said.
 */
export type MessageStanding = 'unread' | 'handed' | 'acked' | 'settled';

export class ConduitMessage<T = unknown> {
  readonly topic: string;
  /** The same in every delivery: key on it. */
  readonly messageId: string;
  /** Its place in the topic, from 1. */
  readonly sequence: number;
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** What was published, through `parse` where the subscription has one. */
  payload: T;
  /** From 1: how often it was given to this subscription. */
  attempt: number;
  /** @internal */
  standing: MessageStanding = 'unread';
  /** @internal When it came, and when more time was last asked for it; of performance.now(). */
  heldSinceMs: number;
  /** @internal */
  extendedAtMs = 0;
  /** @internal When it was first seen with its reader; 0: it was not. */
  handedAtMs = 0;
  /** @internal Which log and which connection it came of. */
  readonly log: number;
  /** @internal */
  connection: number;
  readonly #publishedAt: string;
  readonly #verdicts: VerdictTaker<T>;

  /** @internal */
  constructor(
    frame: MessageFrame,
    verdicts: VerdictTaker<T>,
    came: { log: number; connection: number; atMs: number },
  ) {
    this.topic = frame.topic;
    this.messageId = frame.message_id;
    this.sequence = frame.sequence;
    this.payload = frame.payload as T;
    this.attempt = frame.attempt;
    this.key = frame.key;
    this.headers = frame.headers ?? NO_HEADERS;
    this.#publishedAt = frame.published_at;
    this.#verdicts = verdicts;
    this.log = came.log;
    this.connection = came.connection;
    this.heldSinceMs = came.atMs;
  }

  /** When it was committed, by the database's clock. */
  get publishedAt(): Date {
    return new Date(this.#publishedAt);
  }

  /**
   * It is dealt with, and does not come again. Never throws: after a disconnect it is said once the message
   * comes again, which its reader does not see.
   */
  ack(options: AckOptions = {}): void {
    this.#verdicts.ack(this, options);
  }

  /** It failed: it comes again, or is a dead letter after its last attempt. */
  nack(options: NackOptions = {}): void {
    this.#verdicts.nack(this, options);
  }

  /** It takes longer: `ms` from now on; left out: one more ack wait. */
  extend(ms?: number): void {
    this.#verdicts.extend(this, ms);
  }

  /** It will never work: a dead letter now. */
  reject(reason?: string): void {
    this.#verdicts.reject(this, reason);
  }
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});
