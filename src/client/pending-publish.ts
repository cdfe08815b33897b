/** A publish on its way: what is sent, for how long, and who waits for what becomes of it. */
import type { AcceptedFrame, PublishedFrame } from '../wire/server-frame-types.js';
import type { PublishingFrame } from './client-frames.js';
import type { Codec, Part } from './codec.js';
import { ConduitError } from './conduit-error.js';
import type { DeferOptions, DeferResult, PublishResult } from './publish-options.js';

/**
 * A dedupe key is remembered for two minutes (DEDUPE_WINDOW_MS): repeated after that, a message would be
 * stored twice. So long after the first try none is made any more.
 */
const REPEAT_WITHIN_MS = 110_000;

type Settled = (result: PublishResult | DeferResult) => void;

export class PendingPublish {
  readonly topic: string;
  readonly ref: number;
  readonly part: Part;
  readonly #timeoutMs: number;
  readonly #resolve: Settled;
  readonly #reject: (error: unknown) => void;
  readonly #sinceMs = performance.now();
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  state: 'waits' | 'sent' | 'over' = 'waits';
  /** Of the next retry, of performance.now(). */
  notBeforeMs = 0;
  tries = 0;
  #firstTry: { ms: number; wall: number } | null = null;
  /** Why it was not stored when it was last tried. */
  lastError: ConduitError | null = null;
  /** It may be stored, as far as is known. */
  isUnknown = false;

  constructor(
    frame: PublishingFrame,
    {
      codec,
      timeoutMs,
      signal,
    }: { codec: Codec; timeoutMs: number; signal?: AbortSignal | undefined },
    {
      resolve,
      reject,
      aborted,
    }: {
      resolve: Settled;
      reject: (error: unknown) => void;
      aborted: (publish: PendingPublish) => void;
    },
  ) {
    this.topic = frame.topic;
    this.ref = frame.ref;
    this.part = codec.encode(frame);
    this.#timeoutMs = timeoutMs;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = signal;
    this.#onAbort = () => {
      this.#over();
      aborted(this);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  tried(): void {
    this.state = 'sent';
    this.#firstTry ??= { ms: performance.now(), wall: Date.now() };
  }

  /** Its time is over, or a repeat might be stored a second time. */
  isLate(nowMs: number): boolean {
    if (nowMs - this.#sinceMs > this.#timeoutMs) return true;
    if (this.#firstTry === null) return false;
    // Some clocks stand still while a machine sleeps, and others are set: the longer one counts.
    const { ms, wall } = this.#firstTry;
    return Math.max(nowMs - ms, Math.abs(Date.now() - wall)) > REPEAT_WITHIN_MS;
  }

  done(answer: PublishedFrame | AcceptedFrame): void {
    this.#over();
    this.#resolve(resultOf(answer));
  }

  fail(error: ConduitError): void {
    this.#over();
    this.#reject(error);
  }

  /** For `isLate`. */
  expire(): void {
    const cause = this.lastError ?? undefined;
    const why = cause === undefined ? '' : `: ${cause.message}`;
    this.fail(
      this.isUnknown
        ? new ConduitError('outcome_unknown', `it may be stored: no answer came in time${why}`, {
            cause,
          })
        : new ConduitError('timeout', `not stored in time${why}`, { cause }),
    );
  }

  #over(): void {
    this.state = 'over';
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}

function resultOf(answer: PublishedFrame | AcceptedFrame): PublishResult | DeferResult {
  const { topic } = answer;
  const duplicate = answer.duplicate === true;
  if ('deferred_id' in answer) {
    const { deferred_id: deferredId, deliver_at: deliverAt } = answer;
    return { deferredId, topic, deliverAt: new Date(deliverAt), duplicate };
  }
  const { message_id: messageId, sequence, published_at: publishedAt } = answer;
  return { messageId, topic, sequence, publishedAt: new Date(publishedAt), duplicate };
}

/** The frame of a publish; `ref` is the client's own. */
export function publishingFrame(
  ref: number,
  { topic, payload }: { topic: string; payload: unknown },
  options: DeferOptions,
): PublishingFrame {
  const { deliverAt } = options;
  return {
    type: 'publish',
    ref,
    topic,
    // What JSON leaves out would be a payload that is missing.
    payload: payload === undefined ? null : payload,
    key: options.key,
    headers: options.headers,
    dedupe_key: options.dedupeKey ?? newDedupeKey(),
    ttl_ms: options.ttlMs,
    delay_ms: options.delayMs,
    deliver_at: deliverAt instanceof Date ? deliverAt.toISOString() : deliverAt,
  };
}

/** 128 bits by chance. `randomUUID` is not there for pages that came over http. */
function newDedupeKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
