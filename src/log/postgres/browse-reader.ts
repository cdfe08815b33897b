/**
 * Browsing over PostgreSQL, on connections of its own: whatever is asked here, and however much of it, takes
 * none from publishes, subscribes and acks.
 */
import { formatEpoch } from '../../core/epoch.js';
import { DEFAULT_LIMITS } from '../../core/limits.js';
import type { AnswerText } from '../../thread/call-text.js';
import type { BrowseCall, CallAsk } from '../../thread/calls.js';
import { LEASE_MS } from '../../thread/lease.js';
import { BrowseCalls, type BrowsedLog } from '../contract/browse-calls.js';
import { type ReaderOptions, ReaderPool } from './reader-pool.js';
import { readIncarnation } from './session/incarnation.js';
import { MessageStore } from './store/message-store.js';
import { askToDrain, listNodes } from './store/node-rows.js';
import { OutboxStore } from './store/outbox-store.js';
import { PostgresSubscriptions } from './store/postgres-subscriptions.js';
import { TopicStore } from './store/topic-store.js';

export class BrowseReader {
  readonly #pool: ReaderPool;
  readonly #calls: BrowseCalls;

  constructor(options: ReaderOptions) {
    this.#pool = new ReaderPool(options);
    const pool = this.#pool.db;
    // It makes no topic, so the limits of making one are not asked.
    const topics = new TopicStore({ db: pool, limits: DEFAULT_LIMITS });
    const messages = new MessageStore(pool);
    const outbox = new OutboxStore(pool);
    const log: BrowsedLog = {
      findTopic: (key) => topics.find(key),
      listTopics: (tenant, page) => topics.list(tenant, page),
      heads: (ids) => topics.heads(ids),
      read: (range) => messages.read(range),
      sequenceAt: (topicId, timeMs) => messages.sequenceAt(topicId, timeMs),
      listDeferred: (within, page) => outbox.list(within, page),
      totals: (tenant) => messages.totals(tenant),
      epochOf: async (topicId) => formatEpoch(topicId, await readIncarnation(pool)),
      // It saves nothing, so nothing of a save is refused.
      subscriptions: new PostgresSubscriptions(pool, () => undefined),
    };
    this.#calls = new BrowseCalls(log, {
      list: async () => (await listNodes(pool, LEASE_MS)).map(({ record }) => record),
      drain: (id) => askToDrain(pool, id),
    });
  }

  /** Rejects as the pool does. */
  run(ask: CallAsk<BrowseCall>): Promise<AnswerText> {
    return this.#pool.ask(() => this.#calls.run(ask));
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
