/**
 * What the HTTP API shows of the log, and what it deletes of the dead letters: one method each. Served by the
 * browsing pool's threads over PostgreSQL, or by a worker over its in-memory log; of a subscription that a
 * worker has open, only that worker knows the newest, and the acceptor asks it. Nothing here is on the
 * path of a message.
 */

import { systemClock } from '../../core/clock.js';
import { RequestError } from '../../core/errors.js';
import type { LogRow } from '../../core/message.js';
import { isoTime } from '../../core/time.js';
import { type Tenant, type TopicKey, topicNameOf, type Within } from '../../core/topic-key.js';
import { parseUuid } from '../../core/uuid.js';
import { browsePage } from '../../wire/browse-page.js';
import type { BrowseAsk, Browsed } from './browsed.js';
import { letterTexts } from './dead-letter-view.js';
import type { MessageLog, PendingAppend } from './message-log.js';
import type {
  DeadLetterFilter,
  SubscriptionRecord,
  SubscriptionStore,
} from './subscription-store.js';
import { subscriptionView } from './subscription-view.js';
import { topicView } from './topic-view.js';
import { type DeliveryView, traceView } from './trace-view.js';

/** A page stops after this many payload bytes. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;
const PURGE_CHUNK = 1_000;
/** One ask purges for about so long: the pool's places are few, and whoever asks waits 10 s at most. */
const PURGE_MS = 2_000;
const NOTHING = new Uint8Array(0);

export interface BrowsedLog
  extends Pick<
    MessageLog<PendingAppend>,
    'findTopic' | 'listTopics' | 'heads' | 'read' | 'listDeferred' | 'totals'
  > {
  epochOf(topicId: number): string | Promise<string>;
  readonly subscriptions: Pick<
    SubscriptionStore,
    'find' | 'list' | 'listDeadLetters' | 'purgeDeadLetters' | 'findMessage' | 'traceOf'
  >;
}

interface TopicArgs {
  key: TopicKey;
}

interface TenantArgs {
  tenant: Tenant;
}

interface MessagesArgs extends TopicArgs {
  from_sequence: number | null;
  limit: number;
  order: 'asc' | 'desc';
}

interface SubscriptionListArgs {
  within: Within;
  after: { topic: string; name: string } | null;
  limit: number;
}

type DeferredArgs = Parameters<BrowsedLog['listDeferred']>[1] & { within: Within };
type FilterArgs = DeadLetterFilter & { after: number; limit: number; lines: boolean };

interface TraceArgs {
  key: TopicKey;
  topicId: number;
  sequence: number;
  live: Record<string, DeliveryView>;
  after: string;
  limit: number;
}

type Method = (args: never) => Promise<{ result?: unknown; body?: Uint8Array }>;

export class BrowseCalls {
  readonly #log: BrowsedLog;
  readonly #methods: Readonly<Record<string, Method>> = {
    'topic.get': async (args: TopicArgs) => {
      const record = await this.#log.findTopic(args.key);
      return { result: { topic: record === null ? null : topicView(record, 0) } };
    },
    'topic.position': (args: TopicArgs) => this.#position(args),
    'topic.messages': (args: MessagesArgs) => this.#messages(args),
    'topics.list': async ({
      tenant,
      ...page
    }: Parameters<BrowsedLog['listTopics']>[1] & TenantArgs) => {
      const records = await this.#log.listTopics(tenant, page);
      return { result: { topics: records.map((record) => topicView(record, 0)) } };
    },
    'deferred.list': (args: DeferredArgs) => this.#deferred(args),
    'log.totals': async ({ tenant }: TenantArgs) => ({ result: await this.#log.totals(tenant) }),
    'subscription.get': (args: TopicArgs & { name: string }) => this.#subscription(args),
    'subscription.list': (args: SubscriptionListArgs) => this.#subscriptionList(args),
    'dead-letters.list': (args: FilterArgs) => this.#deadLetters(args),
    'dead-letters.purge': (args: FilterArgs) => this.#purge(args),
    'message.find': (args: TenantArgs & { id: string }) => this.#find(args),
    'message.trace': (args: TraceArgs) => this.#trace(args),
  };

  constructor(log: BrowsedLog) {
    this.#log = log;
  }

  serves(method: string): boolean {
    return Object.hasOwn(this.#methods, method);
  }

  /** Rejects with RequestError, or with a bug. */
  async run({ method, args }: BrowseAsk): Promise<Browsed> {
    const serve = this.#methods[method];
    if (serve === undefined) throw new Error(`no such call: ${method}`);
    const { result = null, body = NOTHING } = await serve(args as never);
    return { result: JSON.stringify(result), body };
  }

  async #position({ key }: TopicArgs): Promise<{ result: unknown }> {
    const record = await this.#log.findTopic(key);
    if (record === null) return { result: { position: null } };
    const { id, lastSequence: sequence, firstSequence: first_sequence } = record;
    const epoch = await this.#log.epochOf(id);
    return { result: { position: { epoch, sequence, first_sequence } } };
  }

  async #messages(args: MessagesArgs): Promise<{ body: Uint8Array }> {
    const record = await this.#log.findTopic(args.key);
    if (record === null) throw new RequestError('topic_not_found', 'topic not found', 'topic');
    const ascending = args.order === 'asc';
    const page = await this.#log.read({
      topicId: record.id,
      fromSequence: ascending ? (args.from_sequence ?? 1) : 1,
      toSequence: ascending ? Infinity : (args.from_sequence ?? Infinity),
      rowsMax: args.limit,
      bytesMax: PAGE_BYTES_MAX,
      order: args.order,
    });
    const last = page.rows.at(-1)?.sequence;
    const more = ascending
      ? last !== undefined && last < page.lastSequence
      : last !== undefined && last > page.firstSequence;
    const next = last === undefined || !more ? null : last + (ascending ? 1 : -1);
    return { body: browsePage(topicNameOf(args.key), page.rows, next) };
  }

  async #deferred({ within, ...page }: DeferredArgs): Promise<{ result: unknown }> {
    const records = await this.#log.listDeferred(within, page);
    const deferred = records.map((record) => ({
      id: record.id,
      topic: record.topic,
      deliver_at: isoTime(record.deliverAtMs),
      created_at: isoTime(record.createdAtMs),
      bytes: record.bytes,
    }));
    return { result: { deferred } };
  }

  async #subscription({ key, name }: TopicArgs & { name: string }): Promise<{ result: unknown }> {
    const found = await this.#log.findTopic(key);
    if (found === null) throw new RequestError('topic_not_found', 'topic not found', 'topic');
    const record = await this.#log.subscriptions.find(found.id, name);
    return { result: { subscriptions: record === null ? [] : await this.#withHeads([record]) } };
  }

  async #subscriptionList({ within, ...page }: SubscriptionListArgs): Promise<{ result: unknown }> {
    const records = await this.#log.subscriptions.list(within, page);
    return { result: { subscriptions: await this.#withHeads(records) } };
  }

  async #withHeads(records: readonly SubscriptionRecord[]): Promise<unknown[]> {
    const heads = await this.#log.heads([...new Set(records.map((record) => record.topicId))]);
    return records.map((record) => ({
      topicId: record.topicId,
      head: heads.get(record.topicId)?.lastSequence ?? record.delivered,
      view: subscriptionView(record),
    }));
  }

  async #deadLetters({
    after,
    limit,
    lines,
    ...filter
  }: FilterArgs): Promise<{ result: unknown; body: Uint8Array }> {
    const page = { after, limit, bytesMax: PAGE_BYTES_MAX };
    const records = await this.#log.subscriptions.listDeadLetters(filter, page);
    const shown = filter.ids === null ? records : records.filter(({ redriven }) => !redriven);
    const bytes = records.reduce((sum, { row }) => sum + row.payload.length, 0);
    const more = filter.ids === null && (records.length === limit || bytes >= PAGE_BYTES_MAX);
    const { ids, ends, body } = letterTexts(shown, lines);
    return { result: { ids, ends, more }, body };
  }

  /** `more`: there may be more; to be asked again. */
  async #purge({
    after: _,
    limit: __,
    lines: ___,
    ...filter
  }: FilterArgs): Promise<{ result: unknown }> {
    const until = systemClock.monotonic() + PURGE_MS;
    let purged = 0;
    for (;;) {
      const went = await this.#log.subscriptions.purgeDeadLetters(filter, PURGE_CHUNK);
      purged += went;
      const more = went === PURGE_CHUNK;
      if (!more || systemClock.monotonic() >= until) return { result: { purged, more } };
    }
  }

  async #find({ tenant, id }: TenantArgs & { id: string }): Promise<{ result: unknown }> {
    const messageId = parseUuid(id);
    const found = messageId && (await this.#log.subscriptions.findMessage(tenant, messageId));
    if (found === null) return { result: { found: null } };
    const { key, topicId, row } = found;
    return { result: { found: { key, topicId, sequence: row.sequence } } };
  }

  async #trace({
    key,
    topicId,
    sequence,
    live,
    ...page
  }: TraceArgs): Promise<{ body: Uint8Array }> {
    const row = await this.#row(topicId, sequence);
    const trace = await this.#log.subscriptions.traceOf(topicId, sequence, page);
    return { body: traceView({ topic: topicNameOf(key), row, trace, live }) };
  }

  async #row(topicId: number, sequence: number): Promise<LogRow> {
    const at = { fromSequence: sequence, toSequence: sequence, rowsMax: 1, bytesMax: 1 };
    const { rows } = await this.#log.read({ topicId, ...at, order: 'asc' });
    if (rows[0] !== undefined) return rows[0];
    throw new RequestError('message_not_found', 'no such message', 'id');
  }
}
