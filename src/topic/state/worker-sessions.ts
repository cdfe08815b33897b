/**
 * The sessions of all acceptors that have, or are getting, subscriptions here. It tells a subscribe
 * that was answered by the log after its session ended, and ends what a session leaves behind. Who has
 * nothing here and asks for nothing is forgotten.
 */
import type { TopicKey } from '../../core/topic-key.js';
import type { SubscribeOp, UnsubscribeOp } from '../../thread/ops/subscribe.js';
import type { Outlet } from './outlet.js';
import type { Subscription } from './subscription.js';
import { numberKey } from './topic.js';

/** A subscribe or unsubscribe that is not answered. */
export interface Ask {
  readonly outlet: Outlet;
  readonly op: SubscribeOp | UnsubscribeOp;
}

/** What one session has here; `ended` once its SESSION_ENDED came. */
export interface SessionEntry {
  readonly key: number;
  state: 'open' | 'ended';
  readonly subscriptions: Set<Subscription>;
  /**
   * By topic: the first is under way, the others follow one after another. Null: nothing is asked. An
   * idle session is kept small.
   */
  asks: Map<TopicKey, Ask[]> | null;
}

/** What ends with a session: what it has, and what it asked for and was not begun. */
export interface LeftBehind {
  subscriptions: Subscription[];
  asks: Ask[];
}

export class WorkerSessions {
  readonly #entries = new Map<number, SessionEntry>();
  /** How many work with an entry that are no asks of it. */
  readonly #uses = new Map<SessionEntry, number>();

  /** How many are known. */
  get size(): number {
    return this.#entries.size;
  }

  /** Made at the first subscribe. */
  entry(outlet: Outlet, session: number): SessionEntry {
    const key = numberKey(outlet, session);
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const entry: SessionEntry = { key, state: 'open', subscriptions: new Set(), asks: null };
    this.#entries.set(key, entry);
    return entry;
  }

  /** It stays known, whatever of it ends meanwhile: what `use` gives it ends with the session. */
  async with<T>(
    outlet: Outlet,
    session: number,
    use: (entry: SessionEntry) => Promise<T>,
  ): Promise<T> {
    const entry = this.entry(outlet, session);
    this.#uses.set(entry, (this.#uses.get(entry) ?? 0) + 1);
    try {
      return await use(entry);
    } finally {
      const others = (this.#uses.get(entry) ?? 1) - 1;
      if (others > 0) this.#uses.set(entry, others);
      else this.#uses.delete(entry);
      this.forgetIdle(entry);
    }
  }

  /** To be called when it has one less, of either. */
  forgetIdle(entry: SessionEntry): void {
    if (entry.asks !== null || entry.subscriptions.size > 0 || this.#uses.has(entry)) return;
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
  }

  end(outlet: Outlet, session: number): LeftBehind {
    return this.#end(numberKey(outlet, session));
  }

  /** The acceptor's thread is gone, and all its sessions; nobody waits for answers. */
  endAll(outlet: Outlet): Subscription[] {
    const from = numberKey(outlet, 0);
    const keys = [...this.#entries.keys()].filter((key) => key >= from && key < from + 2 ** 32);
    return keys.flatMap((key) => this.#end(key).subscriptions);
  }

  #end(key: number): LeftBehind {
    const entry = this.#entries.get(key);
    if (entry === undefined) return { subscriptions: [], asks: [] };
    this.#entries.delete(key);
    entry.state = 'ended';
    const asks = [...(entry.asks?.values() ?? [])].flatMap((ofTopic) => ofTopic.splice(1));
    return { subscriptions: [...entry.subscriptions], asks };
  }
}
