/** What a subscriber says. */
import type { StartAt } from './client-frames.js';
import type { ConduitMessage } from './conduit-message.js';

export interface ConduitSubscribeOptions<T = unknown> {
  /** A durable name: its place outlives sessions and restarts. Left out: ephemeral. */
  subscription?: string;
  /** auto (default): a message is acknowledged when its reader comes for the next, or its handler is done. */
  ack?: 'auto' | 'manual';
  /** Called for each message, in order; what it throws is a nack. Left out: iterate. */
  onMessage?: (message: ConduitMessage<T>) => unknown;
  /** Handlers under way at a time, 1 by default: with more the order of messages is not kept. */
  concurrency?: number;
  /** Makes payloads what they should be; one for which it throws is rejected: a dead letter. */
  parse?: (payload: unknown) => T;
  /** Where it begins (default: latest); of a durable one, when the name is first used. */
  start?: StartAt;
  /** Delivered at a time, not settled: 1 to 1,000 (256). */
  maxInFlight?: number;
  /** First wait for an acknowledgement, ms; counts when a durable name is first used, as the next two. */
  ackWaitMs?: number;
  /** Attempts before the dead letter. */
  maxDeliver?: number;
  ordering?: 'none' | 'key' | 'topic';
  /** Takes a durable subscription over from the sessions that have it. */
  exclusive?: boolean;
  /** How many stretches of settled sequences are known again after a resume (1,024). */
  dedupe?: number;
  /** An automatic acknowledgement is waited for so long, ms (300,000); then the message comes again. */
  holdMs?: number;
  /** Leaves the subscription. */
  signal?: AbortSignal;
}
