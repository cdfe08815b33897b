/**
 * What the HTTP API shows of the log, and what it deletes of the dead letters: a handler for each call of
 * thread/calls.ts that is browsing. Served by the browsing pool's threads over PostgreSQL, or by a worker
 * over its in-memory log; of a subscription that a worker has open, only that worker knows the newest, and
 * the acceptor asks it. Nothing here is on the path of a message.
 */

import { systemClock } from '../../core/clock.js';
import type { DeadLetterFilter, DeadLetterRecord } from '../../core/dead-letter-record.js';
import { RequestError } from '../../core/errors.js';
import type { LogRow } from '../../core/message.js';
import type { NodeRecord } from '../../core/node-record.js';
import {
  type SubscriptionRecord,
  type SubscriptionSummary,
  summaryOf,
} from '../../core/subscription-record.js';
import { type TopicKey, topicNameOf } from '../../core/topic-key.js';
import type { TopicRecord } from '../../core/topic-record.js';
import { parseUuid } from '../../core/uuid.js';
import { type AnswerText, writeAnswer } from '../../thread/call-text.js';
import {
  answerCall,
  type BrowseCall,
  type CallArgs,
  type CallAsk,
  type CallHandlers,
  type CallResult,
} from '../../thread/calls.js';
import { deadLetterLine, deadLetterView } from '../../wire/views/dead-letter-view.js';
import { messagePageView } from '../../wire/views/message-view.js';
import { traceView } from '../../wire/views/trace-view.js';
import { readFiltered } from './filtered-read.js';
import type { LogPage, MessageLog, PendingAppend, ReadRange } from './message-log.js';
import type { SubscriptionStore } from './subscription-store.js';

/** A page stops after this many payload bytes. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;
const PURGE_CHUNK = 1_000;
/** One ask purges for about so long: the pool's places are few, and whoever asks waits 10 s at most. */
const PURGE_MS = 2_000;

export interface BrowsedLog
  extends Pick<
    MessageLog<PendingAppend>,
    'findTopic' | 'listTopics' | 'heads' | 'read' | 'sequenceAt' | 'listDeferred' | 'totals'
  > {
  epochOf(topicId: number): string | Promise<string>;
  readonly subscriptions: Pick<
    SubscriptionStore,
    | 'find'
    | 'list'
    | 'arrears'
    | 'listDeadLetters'
    | 'groupDeadLetters'
    | 'purgeDeadLetters'
    | 'findMessage'
    | 'traceOf'
  >;
}

/** Those that have the log. */
export interface BrowsedNodes {
  list(): Promise<NodeRecord[]>;
  /** False: no such node lives. */
  drain(id: string): Promise<boolean>;
}

/** In memory none know of each other. */
const NO_NODES: BrowsedNodes = { list: async () => [], drain: async () => false };

export class BrowseCalls {
  readonly #log: BrowsedLog;
  readonly #nodes: BrowsedNodes;
  readonly #handlers: CallHandlers<BrowseCall> = {
    'topic.get': async ({ key }) => ({ record: await this.#log.findTopic(key) }),
    'topic.position': ({ key }) => this.#position(key),
    'topic.messages': (args) => this.#messages(args),
    'topics.list': async ({ tenant, ...page }) => ({
      records: await this.#log.listTopics(tenant, page),
    }),
    'topics.arrears': async ({ tenant, topicIds }) => ({
      arrears: await this.#log.subscriptions.arrears(tenant, topicIds),
    }),
    'deferred.list': async ({ within, ...page }) => ({
      records: await this.#log.listDeferred(within, page),
    }),
    'log.totals': ({ tenant }) => this.#log.totals(tenant),
    'nodes.list': async () => ({ records: await this.#nodes.list() }),
    'nodes.drain': async ({ id }) => ({ found: await this.#nodes.drain(id) }),
    'subscription.get': (args) => this.#subscription(args),
    'subscription.list': async ({ within, ...page }) => ({
      subscriptions: await this.#withHeads(await this.#log.subscriptions.list(within, page)),
    }),
    'dead-letters.list': (args) => this.#deadLetters(args),
    'dead-letters.groups': async (filter) => ({
      groups: await this.#log.subscriptions.groupDeadLetters(filter),
    }),
    'dead-letters.purge': (filter) => this.#purge(filter),
    'message.find': (args) => this.#find(args),
    'message.trace': (args) => this.#trace(args),
  };

  constructor(log: BrowsedLog, nodes: BrowsedNodes = NO_NODES) {
    this.#log = log;
    this.#nodes = nodes;
  }

  /** Rejects with RequestError, or with a bug. */
  async run<M extends BrowseCall>(ask: CallAsk<M>): Promise<AnswerText> {
    return writeAnswer(await answerCall<M>(this.#handlers, ask));
  }

  async #position(key: TopicKey): Promise<CallResult<'topic.position'>> {
    const record = await this.#log.findTopic(key);
    if (record === null) return { position: null };
    const { id, lastSequence, firstSequence } = record;
    return { position: { epoch: await this.#log.epochOf(id), lastSequence, firstSequence } };
  }

  async #messages(args: CallArgs<'topic.messages'>): Promise<CallResult<'topic.messages'>> {
    const record = await this.#topic(args.key);
    const ascending = args.order === 'asc';
    const from = await this.#placeOf(record.id, args);
    const topic = topicNameOf(args.key);
    if (args.filter !== null) {
      const ask = { ...args, filter: args.filter, from, bytesMax: PAGE_BYTES_MAX };
      const read = (range: Omit<ReadRange, 'topicId'>): Promise<LogPage> =>
        this.#log.read({ ...range, topicId: record.id });
      const { rows, scanned, next } = await readFiltered(read, ask);
      return { body: messagePageView({ topic, rows, next, scanned }) };
    }
    const page = await this.#log.read({
      topicId: record.id,
      fromSequence: ascending ? from : 1,
      toSequence: ascending ? Infinity : from,
      rowsMax: args.limit,
      bytesMax: PAGE_BYTES_MAX,
      order: args.order,
    });
    const last = page.rows.at(-1)?.sequence;
    const more = ascending
      ? last !== undefined && last < page.lastSequence
      : last !== undefined && last > page.firstSequence;
    const next = last === undefined || !more ? null : last + (ascending ? 1 : -1);
    return { body: messagePageView({ topic, rows: page.rows, next }) };
  }

  /** Where a page begins; by time, with what was committed then or later, or, backwards, then or before. */
  async #placeOf(
    topicId: number,
    { from, order }: Pick<CallArgs<'topic.messages'>, 'from' | 'order'>,
  ): Promise<number> {
    if (from === null) return order === 'asc' ? 1 : Infinity;
    if ('sequence' in from) return from.sequence;
    if (order === 'asc') return this.#log.sequenceAt(topicId, from.timeMs);
    return (await this.#log.sequenceAt(topicId, from.timeMs + 1)) - 1;
  }

  async #subscription({
    key,
    subscription: name,
  }: CallArgs<'subscription.get'>): Promise<CallResult<'subscription.get'>> {
    const { id } = await this.#topic(key);
    const record = await this.#log.subscriptions.find(id, name);
    const [summary = null] = record === null ? [] : await this.#withHeads([record]);
    return { subscription: summary };
  }

  async #withHeads(records: readonly SubscriptionRecord[]): Promise<SubscriptionSummary[]> {
    const heads = await this.#log.heads([...new Set(records.map((record) => record.topicId))]);
    return records.map((record) =>
      summaryOf(record, heads.get(record.topicId)?.lastSequence ?? record.delivered),
    );
  }

  async #deadLetters({
    after,
    limit,
    lines,
    ...filter
  }: CallArgs<'dead-letters.list'>): Promise<CallResult<'dead-letters.list'>> {
    const page = { after, limit, bytesMax: PAGE_BYTES_MAX };
    const records = await this.#log.subscriptions.listDeadLetters(filter, page);
    const shown = filter.ids === null ? records : records.filter(({ redriven }) => !redriven);
    const bytes = records.reduce((sum, { row }) => sum + row.payload.length, 0);
    const more = filter.ids === null && (records.length === limit || bytes >= PAGE_BYTES_MAX);
    return { ...letterTexts(shown, lines ? deadLetterLine : deadLetterView), more };
  }

  async #purge(filter: DeadLetterFilter): Promise<CallResult<'dead-letters.purge'>> {
    const until = systemClock.monotonic() + PURGE_MS;
    let purged = 0;
    for (;;) {
      const went = await this.#log.subscriptions.purgeDeadLetters(filter, PURGE_CHUNK);
      purged += went;
      const more = went === PURGE_CHUNK;
      if (!more || systemClock.monotonic() >= until) return { purged, more };
    }
  }

  async #find({ tenant, id }: CallArgs<'message.find'>): Promise<CallResult<'message.find'>> {
    const messageId = parseUuid(id);
    const found = messageId && (await this.#log.subscriptions.findMessage(tenant, messageId));
    if (found === null) return { found: null };
    const { key, topicId, row } = found;
    return { found: { key, topicId, sequence: row.sequence } };
  }

  async #trace({
    key,
    topicId,
    sequence,
    open,
    ...page
  }: CallArgs<'message.trace'>): Promise<CallResult<'message.trace'>> {
    const row = await this.#row(topicId, sequence);
    const trace = await this.#log.subscriptions.traceOf(topicId, sequence, page);
    return { body: traceView({ topic: topicNameOf(key), row, trace, open }) };
  }

  async #topic(key: TopicKey): Promise<TopicRecord> {
    const record = await this.#log.findTopic(key);
    if (record !== null) return record;
    throw new RequestError('topic_not_found', 'topic not found', 'topic');
  }

  async #row(topicId: number, sequence: number): Promise<LogRow> {
    const at = { fromSequence: sequence, toSequence: sequence, rowsMax: 1, bytesMax: 1 };
    const { rows } = await this.#log.read({ topicId, ...at, order: 'asc' });
    if (rows[0] !== undefined) return rows[0];
    throw new RequestError('message_not_found', 'no such message', 'id');
  }
}

function letterTexts(
  letters: readonly DeadLetterRecord[],
  textOf: (letter: DeadLetterRecord) => Uint8Array,
): { ids: number[]; ends: number[]; body: Uint8Array } {
  const texts = letters.map(textOf);
  let end = 0;
  const ends = texts.map((text) => {
    end += text.length;
    return end;
  });
  return { ids: letters.map(({ id }) => id), ends, body: Buffer.concat(texts) };
}
