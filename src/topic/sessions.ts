/**
 * The sessions of all acceptors that have, or are getting, subscriptions here. It tells a subscribe
 * that was answered by the log after its session ended, and ends what a session leaves behind.
 */
import type { WorkerLinkEnd } from '../thread/link.js';
import type { Subscription } from './subscription.js';
import { numberKey } from './topic.js';

/** What one session has here; `ended` once its SESSION_ENDED came. */
export interface SessionEntry {
  state: 'open' | 'ended';
  readonly subscriptions: Set<Subscription>;
  /**
   * The last subscribe or unsubscribe under way, by topic: the next of that topic follows it. Null: none
   * is.
   */
  underWay: Map<string, Promise<void>> | null;
}

export class Sessions {
  readonly #entries = new Map<number, SessionEntry>();

  /** Made at the first subscribe. */
  entry(link: WorkerLinkEnd, session: number): SessionEntry {
    const key = numberKey(link, session);
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const entry: SessionEntry = { state: 'open', subscriptions: new Set(), underWay: null };
    this.#entries.set(key, entry);
    return entry;
  }

  /** The subscriptions that end with it. */
  end(link: WorkerLinkEnd, session: number): Subscription[] {
    return this.#end(numberKey(link, session));
  }

  /** The acceptor's thread is gone, and all its sessions. */
  endAll(link: WorkerLinkEnd): Subscription[] {
    const from = numberKey(link, 0);
    const keys = [...this.#entries.keys()].filter((key) => key >= from && key < from + 2 ** 32);
    return keys.flatMap((key) => this.#end(key));
  }

  #end(key: number): Subscription[] {
    const entry = this.#entries.get(key);
    if (entry === undefined) return [];
    this.#entries.delete(key);
    entry.state = 'ended';
    return [...entry.subscriptions];
  }
}
