/**
 * Subscribes and unsubscribes of a session for one topic, handled one after another in the order they
 * came. Those behind one that waits for the log wait in a list, without a promise of their own.
 */
import type { TopicKey } from '../../core/topic-key.js';
import type { Ask, SessionEntry, WorkerSessions } from '../state/worker-sessions.js';

export interface AsksOptions {
  sessions: WorkerSessions;
  /** Answers it; null: it is answered already. */
  handle: (entry: SessionEntry, ask: Ask) => Promise<void> | null;
  onBug: (error: unknown) => void;
}

export class Asks {
  readonly #options: AsksOptions;

  constructor(options: AsksOptions) {
    this.#options = options;
  }

  take(ask: Ask): void {
    const entry = this.#options.sessions.entry(ask.outlet, ask.op.session);
    const before = entry.asks?.get(ask.op.topic);
    if (before === undefined) this.#begin(entry, ask);
    else before.push(ask);
  }

  #begin(entry: SessionEntry, ask: Ask): void {
    const underWay = this.#options.handle(entry, ask);
    if (underWay === null) {
      this.#options.sessions.forgetIdle(entry);
      return;
    }
    entry.asks ??= new Map();
    entry.asks.set(ask.op.topic, [ask]);
    this.#follow(entry, ask.op.topic, underWay).catch(this.#options.onBug);
  }

  /** Handles what comes behind `underWay`, until nothing does. */
  async #follow(entry: SessionEntry, topic: TopicKey, underWay: Promise<void>): Promise<void> {
    const asks = entry.asks?.get(topic) ?? [];
    await underWay;
    for (let at = 1; at < asks.length; at++) {
      const next = asks[at];
      const more = next === undefined ? null : this.#options.handle(entry, next);
      if (more === null) continue;
      asks.splice(0, at);
      at = 0;
      await more;
    }
    entry.asks?.delete(topic);
    if (entry.asks?.size === 0) entry.asks = null;
    this.#options.sessions.forgetIdle(entry);
  }
}
