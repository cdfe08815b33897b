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
import type { SubscriptionStore } from '../contract/subscription-store.js';
import { SeveralSubscriptions } from '../several/several-subscriptions.js';
import { type ReadDatabase, SeveralTopics } from '../several/several-topics.js';
import { AskedSubscriptions } from './asked-subscriptions.js';
import { type ReaderOptions, ReaderPool } from './reader-pool.js';
import { readIncarnation } from './session/incarnation.js';
import { MessageStore } from './store/message-store.js';
import { askToDrain, listNodes } from './store/node-rows.js';
import { OutboxStore } from './store/outbox-store.js';
import { PlacedRows } from './store/placed-rows.js';
import { PostgresSubscriptions } from './store/postgres-subscriptions.js';
import { TopicStore } from './store/topic-store.js';

interface Database extends ReadDatabase {
  subscriptions: SubscriptionStore;
}

export class BrowseReader {
  readonly #pools: readonly ReaderPool[];
  readonly #first: ReaderPool;
  readonly #calls: BrowseCalls;

  constructor({ moreDatabaseUrls = [], ...options }: ReaderOptions) {
    this.#first = new ReaderPool(options);
    const more = moreDatabaseUrls.map((url) => new ReaderPool({ ...options, databaseUrl: url }));
    this.#pools = [this.#first, ...more];
    const elsewhere = more.length === 0 ? 'refused' : 'told';
    const databases = this.#pools.map((pool) => databaseOf(pool, elsewhere));
    const { db } = this.#first;
    this.#calls = new BrowseCalls(browsedLog(databases), {
      list: async () => (await listNodes(db, LEASE_MS)).map(({ record }) => record),
      drain: (id) => askToDrain(db, id),
    });
  }

  /** Rejects as the pool does. */
  run(ask: CallAsk<BrowseCall>): Promise<AnswerText> {
    return this.#first.ask(() => this.#calls.run(ask));
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.close()));
  }
}

/** With errors as callers know them. */
function databaseOf(reader: ReaderPool, elsewhere: 'refused' | 'told'): Database {
  const { db: pool } = reader;
  // It makes no topic, so the limits of making one are not asked.
  const topics = new TopicStore({ db: pool, limits: DEFAULT_LIMITS, elsewhere });
  const messages = new MessageStore(pool);
  const outbox = new OutboxStore(pool);
  const placed = new PlacedRows(pool);
  // It saves nothing, so nothing of a save is refused.
  const subscriptions = new PostgresSubscriptions(pool, () => undefined);
  return {
    findTopics: (keys) => reader.ask(() => topics.findAll(keys)),
    listTopics: (tenant, page) => reader.ask(() => topics.list(tenant, page)),
    heads: (ids) => reader.ask(() => topics.heads(ids)),
    read: (range) => reader.ask(() => messages.read(range)),
    sequenceAt: (topicId, timeMs) => reader.ask(() => messages.sequenceAt(topicId, timeMs)),
    listDeferred: (within, page) => reader.ask(() => outbox.list(within, page)),
    totals: (tenant) => reader.ask(() => messages.totals(tenant)),
    epochOf: (topicId) => reader.ask(async () => formatEpoch(topicId, await readIncarnation(pool))),
    placed: {
      placesOf: (ids) => reader.ask(() => placed.placesOf(ids)),
      gone: (ids) => reader.ask(() => placed.gone(ids)),
    },
    subscriptions: new AskedSubscriptions(subscriptions, (query) => reader.ask(query)),
  };
}

function browsedLog(databases: readonly Database[]): BrowsedLog {
  const topics = new SeveralTopics(databases, 'lately');
  const stores = databases.map(({ subscriptions }) => subscriptions);
  const [only] = databases.length === 1 ? databases : [];
  return {
    findTopic: (key) => topics.findTopic(key),
    listTopics: (...of) => (only ?? topics).listTopics(...of),
    heads: (ids) => (only ?? topics).heads(ids),
    read: (range) => (only ?? topics).read(range),
    sequenceAt: (...of) => (only ?? topics).sequenceAt(...of),
    listDeferred: (...of) => (only ?? topics).listDeferred(...of),
    totals: (tenant) => (only ?? topics).totals(tenant),
    epochOf: (topicId) => (only ?? topics).epochOf(topicId),
    subscriptions: only?.subscriptions ?? new SeveralSubscriptions(stores, topics),
  };
}
