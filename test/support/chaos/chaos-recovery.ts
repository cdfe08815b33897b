/**
 * How long a chaos test's server takes to be whole again after a fault: until of every topic a message
 * that was acknowledged since has been given to each of its durable subscriptions, and to an ephemeral one.
 */
import type { ChaosRecorder, UntimedEvent } from './chaos-recorder.js';

export class ChaosRecovery {
  readonly #topics: readonly string[];
  readonly #names: readonly (string | null)[];
  readonly #since: number;
  /** By topic: the first message acknowledged since. */
  readonly #acked = new Map<string, number>();
  readonly #missing: Set<string>;
  readonly #subscriptionOf: (connection: number) => string | null | undefined;
  readonly #now: () => number;
  /** ms from the fault's end; null: not yet. */
  recoveredMs: number | null = null;

  /** `names`: null stands for the ephemeral ones. */
  constructor(
    recorder: ChaosRecorder,
    topics: readonly string[],
    names: readonly (string | null)[],
  ) {
    this.#topics = topics;
    this.#names = names;
    this.#since = recorder.now();
    this.#now = () => recorder.now();
    this.#subscriptionOf = (connection) => recorder.subscriptions.get(connection);
    this.#missing = new Set(topics.flatMap((topic) => names.map((name) => `${topic} ${name}`)));
    recorder.onEvent = (event) => this.#see(event);
  }

  /** What was not seen yet. */
  missing(): string {
    const unacked = this.#topics.filter((topic) => !this.#acked.has(topic));
    if (unacked.length > 0) return `no publish acknowledged to ${unacked.join(', ')}`;
    return `not given: ${[...this.#missing].join(', ')} (of ${this.#names.length} each)`;
  }

  #see(event: UntimedEvent): void {
    if (this.recoveredMs !== null) return;
    if (event.type === 'published') {
      // A duplicate's first answer may have been lost before.
      if (!this.#acked.has(event.topic)) this.#acked.set(event.topic, event.sequence);
    } else if (event.type === 'delivered') {
      const { topic, sequence, connection } = event;
      if (sequence < (this.#acked.get(topic) ?? Number.POSITIVE_INFINITY)) return;
      this.#missing.delete(`${topic} ${this.#subscriptionOf(connection)}`);
      if (this.#missing.size === 0) this.recoveredMs = this.#now() - this.#since;
    }
  }
}
