/**
 * Deferred publishes of the in-memory log, until they are due or cancelled. One timer, for the
 * earliest. Remembers for a while which ids were released.
 */
import type { Clock } from '../../core/clock.js';
import type { DeferredRecord } from '../../core/deferred-record.js';
import type { Publication } from '../../core/message.js';
import { rowBytes } from '../../core/message.js';
import { MinHeap } from '../../core/min-heap.js';
import { type Tenant, type TopicKey, topicNameOf, type Within } from '../../core/topic-key.js';
import type { DeferRequest } from '../contract/message-log.js';

const REMEMBER_MS = 120_000;
/** Beyond this setTimeout would fire at once; the timer is then set again. */
const TIMER_MS_MAX = 3_600_000;
/** Cancelled ones that the heap may hold beside as many as wait. */
const CANCELLED_MAX = 1_024;

/** Of a publication that will never be appended. */
const NOTHING = { payload: new Uint8Array(), key: null, headers: null };

/** What a test replaces to have time in its hands. */
export interface Timers {
  set(callback: () => void, ms: number): NodeJS.Timeout;
  clear(timer: NodeJS.Timeout): void;
}

export interface Deferred {
  id: number;
  tenant: Tenant;
  topicId: number;
  key: TopicKey;
  publication: Publication;
  dueAtMs: number;
  createdAtMs: number;
}

export interface MemoryOutboxOptions {
  clock: Clock;
  timers: Timers;
  /** Ids are idBase + n * idStep: unique across the workers of a node. */
  idBase: number;
  idStep: number;
  /** In the order they were due, then of their ids. */
  onDue: (deferred: Deferred[]) => void;
}

export class MemoryOutbox {
  readonly #options: MemoryOutboxOptions;
  readonly #waiting = new Map<number, Deferred>();
  /** Those with a dedupe key, by `keyOf`. */
  readonly #byKey = new Map<string, Deferred>();
  /** What waits, and some that were cancelled: see `#drop`. */
  readonly #due = new MinHeap<Deferred>();
  /** Id to the time it can be forgotten, oldest first. */
  readonly #released = new Map<number, { tenant: Tenant; until: number }>();
  #nextId: number;
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(options: MemoryOutboxOptions) {
    this.#options = options;
    this.#nextId = options.idBase;
  }

  /** Bytes of what waits. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many wait, of all tenants. */
  get size(): number {
    return this.#waiting.size;
  }

  count(tenant: Tenant): number {
    let count = 0;
    for (const deferred of this.#waiting.values()) if (deferred.tenant === tenant) count++;
    return count;
  }

  /** What waits under the dedupe key. */
  find(topicId: number, dedupeKey: string): Deferred | undefined {
    return this.#byKey.get(keyOf(topicId, dedupeKey));
  }

  /** `key`: of the request's topic. */
  add(request: DeferRequest, key: TopicKey): DeferredRecord {
    const now = this.#options.clock.now();
    const { publication } = request;
    const deferred: Deferred = {
      id: this.#nextId,
      tenant: request.tenant,
      topicId: request.topicId,
      key,
      publication: { ...publication, payload: publication.payload.slice() },
      dueAtMs: Math.max(
        now,
        request.deliverAtMs === 0 ? now + request.delayMs : request.deliverAtMs,
      ),
      createdAtMs: now,
    };
    this.#nextId += this.#options.idStep;
    this.#waiting.set(deferred.id, deferred);
    const { dedupeKey } = publication;
    if (dedupeKey !== null) this.#byKey.set(keyOf(deferred.topicId, dedupeKey), deferred);
    this.#bytes += rowBytes(publication);
    // The heap is not stable: ids break ties.
    this.#due.push(deferred.dueAtMs, deferred);
    this.#arm();
    return recordOf(deferred);
  }

  /** In id order. */
  list(within: Within, page: { after: number; limit: number }): DeferredRecord[] {
    const records: DeferredRecord[] = [];
    for (const deferred of this.#waiting.values()) {
      if (records.length >= page.limit) break;
      if (deferred.id <= page.after) continue;
      if (within === deferred.tenant || within === deferred.key) records.push(recordOf(deferred));
    }
    return records;
  }

  cancel(tenant: Tenant, id: number): 'cancelled' | 'released' | 'unknown' {
    const deferred = this.#waiting.get(id);
    if (deferred?.tenant === tenant) {
      this.#drop(deferred);
      return 'cancelled';
    }
    return this.#released.get(id)?.tenant === tenant ? 'released' : 'unknown';
  }

  dropTopic(topicId: number): void {
    for (const deferred of this.#waiting.values()) {
      if (deferred.topicId === topicId) this.#drop(deferred);
    }
  }

  stop(): void {
    if (this.#timer !== null) this.#options.timers.clear(this.#timer);
    this.#timer = null;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#timer = null;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const now = this.#options.clock.now();
    const due: Deferred[] = [];
    while (this.#due.minKey <= now) {
      const deferred = this.#due.pop();
      if (deferred === undefined || !this.#waiting.has(deferred.id)) continue;
      this.#take(deferred);
      this.#released.set(deferred.id, { tenant: deferred.tenant, until: now + REMEMBER_MS });
      due.push(deferred);
    }
    this.#forgetReleased(now);
    due.sort((a, b) => a.dueAtMs - b.dueAtMs || a.id - b.id);
    this.#arm();
    if (due.length > 0) this.#options.onDue(due);
  }

  #take(deferred: Deferred): void {
    this.#waiting.delete(deferred.id);
    const { dedupeKey } = deferred.publication;
    if (dedupeKey !== null) this.#byKey.delete(keyOf(deferred.topicId, dedupeKey));
    this.#bytes -= rowBytes(deferred.publication);
  }

  /** Before its time. The heap lets go of what was dropped before that is most of it. */
  #drop(deferred: Deferred): void {
    this.#take(deferred);
    deferred.publication = { ...deferred.publication, ...NOTHING };
    if (this.#due.size <= 2 * this.#waiting.size + CANCELLED_MAX) return;
    this.#due.retain(({ id }) => this.#waiting.has(id));
  }

  #forgetReleased(now: number): void {
    for (const [id, { until }] of this.#released) {
      if (until > now) return;
      this.#released.delete(id);
    }
  }

  #arm(): void {
    const at = this.#due.minKey;
    if (at === Number.POSITIVE_INFINITY || at >= this.#timerAtMs) return;
    this.stop();
    const { clock, timers } = this.#options;
    this.#timerAtMs = at;
    const ms = Math.min(Math.max(at - clock.now(), 0), TIMER_MS_MAX);
    this.#timer = timers.set(() => this.#fire(), ms);
  }
}

function keyOf(topicId: number, dedupeKey: string): string {
  return `${topicId} ${dedupeKey}`;
}

function recordOf(deferred: Deferred): DeferredRecord {
  return {
    id: deferred.id,
    topic: topicNameOf(deferred.key),
    deliverAtMs: deferred.dueAtMs,
    createdAtMs: deferred.createdAtMs,
    bytes: deferred.publication.payload.length,
  };
}
