/**
 * Browsing over PostgreSQL, on connections of its own: whatever is asked here, and however much of it, takes
 * none from publishes, subscribes and acks.
 */
import { formatEpoch } from '../../core/epoch.js';
import { RequestError } from '../../core/errors.js';
import { DEFAULT_LIMITS } from '../../core/limits.js';
import { BrowseCalls } from '../contract/browse-calls.js';
import type { BrowseAsk, Browsed } from '../contract/browsed.js';
import { faultOf } from '../contract/log-errors.js';
import { LOG_REFUSALS, refusalError } from '../contract/log-refusal.js';
import type { PageReaderOptions } from './page-reader.js';
import { READER_CONNECTIONS } from './session/connection-budget.js';
import { readIncarnation } from './session/incarnation.js';
import { openPool } from './session/log-connection.js';
import { MessageStore } from './store/message-store.js';
import { OutboxStore } from './store/outbox-store.js';
import { PostgresSubscriptions } from './store/postgres-subscriptions.js';
import { TopicStore } from './store/topic-store.js';

export class BrowseReader {
  readonly #pool: ReturnType<typeof openPool>;
  readonly #calls: BrowseCalls;

  constructor(options: PageReaderOptions) {
    const pool = openPool(options, READER_CONNECTIONS);
    // It makes no topic, so the limits of making one are not asked.
    const topics = new TopicStore({ db: pool, limits: DEFAULT_LIMITS });
    const messages = new MessageStore(pool);
    const outbox = new OutboxStore(pool);
    this.#pool = pool;
    this.#calls = new BrowseCalls({
      findTopic: (tenant, name) => topics.find(tenant, name),
      listTopics: (tenant, page) => topics.list(tenant, page),
      heads: (ids) => topics.heads(ids),
      read: (range) => messages.read(range),
      listDeferred: (tenant, page) => outbox.list(tenant, page),
      totals: (tenant) => messages.totals(tenant),
      epochOf: async (topicId) => formatEpoch(topicId, await readIncarnation(pool)),
      // It saves nothing, so nothing of a save is refused.
      subscriptions: new PostgresSubscriptions(pool, () => undefined),
    });
  }

  /** Rejects with RequestError, its cause what was said; or with a bug. */
  async run(ask: BrowseAsk): Promise<Browsed> {
    try {
      return await this.#calls.run(ask);
    } catch (error) {
      if (error instanceof RequestError) throw error;
      const fault = faultOf(error);
      throw fault === 'bug' ? error : refusalError(LOG_REFUSALS[fault], error);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
