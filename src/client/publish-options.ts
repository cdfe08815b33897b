/** What a publisher says, and what it is told. */
import { ConduitError } from './conduit-error.js';

export interface PublishOptions {
  /** Orders deliveries of subscriptions with `ordering: 'key'`. */
  key?: string;
  headers?: Record<string, string>;
  /** The same for the same message: a second publish with it is not stored. Made by chance when left out. */
  dedupeKey?: string;
  /** After so long it is not delivered any more, ms. */
  ttlMs?: number;
  /** Tried again for so long, ms. */
  timeoutMs?: number;
  /** Nobody waits any more; what was sent may be stored all the same. */
  signal?: AbortSignal;
}

/** One of them. */
export interface DeferOptions extends PublishOptions {
  delayMs?: number;
  deliverAt?: Date | string;
}

export interface PublishItem extends PublishOptions {
  topic: string;
  payload: unknown;
}

/** It is committed. */
export interface PublishResult {
  /** The same in every delivery. */
  messageId: string;
  topic: string;
  /** Its place in the topic, from 1. */
  sequence: number;
  publishedAt: Date;
  /** An earlier publish with this dedupe key is what is stored. */
  duplicate: boolean;
}

/** It is accepted, and published when its time comes. */
export interface DeferResult {
  /** What cancels it: DELETE /api/deferred/:id. */
  deferredId: number;
  topic: string;
  deliverAt: Date;
  duplicate: boolean;
}

/** Some messages of a batch were not stored. */
export class PublishBatchError extends ConduitError {
  /** In the places of the messages. */
  readonly results: readonly (PublishResult | ConduitError)[];

  constructor(results: readonly (PublishResult | ConduitError)[]) {
    const errors = results.filter((result) => result instanceof ConduitError);
    const [first] = errors;
    const text = `${errors.length} of ${results.length} messages were not stored: ${first?.message}`;
    super(first?.code ?? 'closed', text, { cause: first, retryable: first?.retryable });
    this.results = results;
  }
}
