/**
 * One topic of the in-memory log: its record, rows and dedupe keys. Sequences are given here.
 * Bounds of messages and bytes hold after every batch, hours once a minute.
 */
import type { Limits } from '../../core/limits.js';
import type { LogRow, Publication } from '../../core/message.js';
import { type Tenant, type TopicKey, tenantOf, topicNameOf } from '../../core/topic-key.js';
import type { Retention, TopicRecord } from '../../core/topic-record.js';
import { fingerprint } from '../contract/fingerprint.js';
import type { FirstResult, LogPage, PendingAppend, ReadRange } from '../contract/message-log.js';
import { isSameMessage } from '../contract/same-message.js';
import { HotRows } from './hot-rows.js';

const HOUR_MS = 3_600_000;
/** What a dedupe key is reckoned at beside its text: map entry, result, id, fingerprint. */
const DEDUPE_ENTRY_BYTES = 320;

interface DedupeEntry extends FirstResult {
  fingerprint: Buffer;
  expiresAtMs: number;
}

export type TopicLimits = Pick<
  Limits,
  'memoryLogTopicMessagesMax' | 'memoryLogTopicBytesMax' | 'retentionHours' | 'dedupeWindowMs'
>;

export class MemoryTopic<A extends PendingAppend> {
  readonly id: number;
  readonly key: TopicKey;
  readonly tenant: Tenant;
  readonly name: string;
  readonly rows = new HotRows();
  /** Appends of the batch under way that have their sequence. */
  batch: A[] = [];
  /** rows.capacity and dedupeBytes as they stand in the totals of the log. */
  countedCapacity = 0;
  countedDedupeBytes = 0;
  lastPublishedAtMs = 0;
  retention: Retention;
  readonly #limits: TopicLimits;
  readonly #createdAtMs: number;
  /** In the order of their expiry: the window is the same for all. */
  readonly #dedupe = new Map<string, DedupeEntry>();
  #dedupeBytes = 0;

  constructor(record: {
    id: number;
    key: TopicKey;
    retention: Retention;
    createdAtMs: number;
    limits: TopicLimits;
  }) {
    this.id = record.id;
    this.key = record.key;
    this.tenant = tenantOf(record.key);
    this.name = topicNameOf(record.key);
    this.retention = record.retention;
    this.#createdAtMs = record.createdAtMs;
    this.#limits = record.limits;
  }

  get dedupeBytes(): number {
    return this.#dedupeBytes;
  }

  /** Of the payloads that it keeps, about. */
  get payloadBytes(): number {
    return this.rows.bytes - 64 * this.rows.count;
  }

  record(): TopicRecord {
    const { rows } = this;
    return {
      id: this.id,
      key: this.key,
      lastSequence: rows.last,
      firstSequence: rows.first,
      bytes: this.payloadBytes,
      createdAtMs: this.#createdAtMs,
      lastPublishedAtMs: this.lastPublishedAtMs,
      retention: { ...this.retention },
    };
  }

  /** The next sequence for the message; what it carries is copied. `deferred`: it was. */
  store(append: PendingAppend, nowMs: number, deferred: FirstResult['deferred'] = null): void {
    const { publication, messageId } = append;
    const publishedAtMs = Math.max(nowMs, this.lastPublishedAtMs);
    const expiresAtMs = publication.ttlMs === 0 ? 0 : publishedAtMs + publication.ttlMs;
    this.rows.append({ messageId, publishedAtMs, expiresAtMs }, publication);
    this.lastPublishedAtMs = publishedAtMs;
    if (publication.dedupeKey !== null) {
      this.#remember(append, publication.dedupeKey, { nowMs, deferred });
    }
  }

  /** The first result of the key, or 'mismatch' with another message; undefined: not known. */
  firstResult(publication: Publication, nowMs: number): FirstResult | 'mismatch' | undefined {
    const key = publication.dedupeKey;
    const entry = key === null ? undefined : this.#dedupe.get(key);
    if (entry === undefined || entry.expiresAtMs <= nowMs) return undefined;
    if (!entry.fingerprint.equals(fingerprint(publication))) {
      const row = this.rows.at(entry.sequence);
      if (row === undefined || !isSameMessage(publication, row)) return 'mismatch';
    }
    const { sequence, messageId, publishedAtMs, deferred } = entry;
    return { sequence, messageId, publishedAtMs, deferred };
  }

  forgetDedupe(nowMs: number): void {
    for (const [key, entry] of this.#dedupe) {
      if (entry.expiresAtMs > nowMs) return;
      this.#forget(key);
    }
  }

  /** Evicts by the bounds of messages and bytes, the topic's own or the node's. */
  evictOver(): void {
    const { messages, bytes } = this.retention;
    const { memoryLogTopicMessagesMax, memoryLogTopicBytesMax } = this.#limits;
    this.rows.evictOver(
      Math.min(messages ?? Number.POSITIVE_INFINITY, memoryLogTopicMessagesMax),
      Math.min(bytes ?? Number.POSITIVE_INFINITY, memoryLogTopicBytesMax),
    );
  }

  evictOld(nowMs: number): void {
    const hours = Math.min(this.retention.hours ?? Infinity, this.#limits.retentionHours);
    const since = nowMs - hours * HOUR_MS;
    if (this.rows.count > 0 && this.rows.publishedAtMs(this.rows.first) < since) {
      this.rows.evictBelow(this.rows.sequenceAt(since));
    }
  }

  read(range: ReadRange): LogPage {
    const { rows } = this;
    const page: LogRow[] = [];
    const low = Math.max(range.fromSequence, rows.first);
    const high = Math.min(range.toSequence, rows.last);
    const step = range.order === 'asc' ? 1 : -1;
    let bytes = 0;
    for (let at = step > 0 ? low : high; at >= low && at <= high; at += step) {
      if (page.length >= range.rowsMax || (page.length > 0 && bytes >= range.bytesMax)) break;
      const row = rows.at(at);
      if (row === undefined) break;
      bytes += rows.sizeAt(at);
      page.push(row);
    }
    return { rows: page, firstSequence: rows.first, lastSequence: rows.last };
  }

  #remember(
    append: PendingAppend,
    key: string,
    { nowMs, deferred }: { nowMs: number; deferred: FirstResult['deferred'] },
  ): void {
    this.#forget(key);
    this.#dedupeBytes += dedupeBytes(key);
    this.#dedupe.set(key, {
      sequence: this.rows.last,
      messageId: append.messageId,
      publishedAtMs: this.lastPublishedAtMs,
      deferred,
      fingerprint: fingerprint(append.publication),
      expiresAtMs: nowMs + this.#limits.dedupeWindowMs,
    });
  }

  #forget(key: string): void {
    if (this.#dedupe.delete(key)) this.#dedupeBytes -= dedupeBytes(key);
  }
}

function dedupeBytes(key: string): number {
  return key.length + DEDUPE_ENTRY_BYTES;
}
