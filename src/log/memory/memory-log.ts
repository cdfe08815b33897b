/**
 * The message log without a database: the whole contract, bounded, gone with its thread. `flush`
 * commits: there is nothing to wait for. What is over a bound goes oldest first: of a topic past
 * its own bounds its oldest rows; past memoryLogBytesMax the oldest slab of the topic that holds
 * most. Dedupe keys and deferred messages cannot be evicted: at half of memoryLogBytesMax a new one
 * is refused, `log_full`.
 */
import type { Clock } from '../../core/clock.js';
import type { DeferredRecord } from '../../core/deferred-record.js';
import { formatEpoch } from '../../core/epoch.js';
import { RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import type { DatabaseState, LogState, LogTotals } from '../../core/log-figures.js';
import { type LogRow, rowBytes } from '../../core/message.js';
import type { SharedCount } from '../../core/shared-count.js';
import type { Tenant, TopicKey, Within } from '../../core/topic-key.js';
import type { Retention, TopicMoved, TopicRecord } from '../../core/topic-record.js';
import { type HeadMoves, UNCOUNTED } from '../contract/head-moves.js';
import type {
  DeferOutcome,
  DeferRequest,
  FoundTopics,
  KnownHead,
  LogPage,
  LogSink,
  MessageLog,
  PendingAppend,
  ReadRange,
} from '../contract/message-log.js';
import { MISMATCH } from '../contract/same-message.js';
import { movedNowhere } from '../contract/topic-mover.js';
import { MemoryAppends } from './memory-appends.js';
import type { Timers } from './memory-outbox.js';
import { MemoryOutbox } from './memory-outbox.js';
import { MemorySubscriptions } from './memory-subscriptions.js';
import type { MemoryTopic } from './memory-topic.js';
import { MemoryTopics } from './memory-topics.js';

const RETENTION_TURN_MS = 60_000;
const MEMORY_TIMERS: Timers = {
  set: (callback, ms) => setTimeout(callback, ms),
  clear: (timer) => clearTimeout(timer),
};

export interface MemoryLogOptions<A extends PendingAppend> {
  limits: Limits;
  clock: Clock;
  sink: LogSink<A>;
  /** Ids of all kinds are idBase + n * idStep: unique across the workers of a node. */
  idBase: number;
  idStep: number;
  /** Of a tenant's topics in all workers; null, and by default: in this log alone. */
  topicCount?: (tenant: Tenant) => SharedCount | null;
  /** 1 to 20 of [0-9a-z], another at every start; default: time and chance. */
  bootNonce?: string;
  timers?: Timers;
}

export class MemoryLog<A extends PendingAppend> implements MessageLog<A> {
  readonly mode = 'memory';
  readonly vitals = null;
  readonly appends = null;
  readonly subscriptions: MemorySubscriptions;
  readonly #options: MemoryLogOptions<A>;
  readonly #timers: Timers;
  readonly #bootNonce: string;
  readonly #topics: MemoryTopics<A>;
  readonly #outbox: MemoryOutbox;
  readonly #appends: MemoryAppends<A>;
  #state: LogState = 'connecting';
  #retentionTimer: NodeJS.Timeout | null = null;

  constructor(options: MemoryLogOptions<A>) {
    this.#options = options;
    this.#timers = options.timers ?? MEMORY_TIMERS;
    this.#bootNonce = options.bootNonce ?? bootNonce(options.clock);
    this.#topics = new MemoryTopics(options);
    this.subscriptions = new MemorySubscriptions({ ...options, topics: this.#topics });
    this.#outbox = new MemoryOutbox({
      clock: options.clock,
      timers: this.#timers,
      idBase: options.idBase,
      idStep: options.idStep,
      onDue: (deferred) => this.#appends.release(deferred),
    });
    this.#appends = new MemoryAppends({
      ...options,
      topics: this.#topics,
      outbox: this.#outbox,
      epochOf: (topicId) => this.epochOf(topicId),
    });
  }

  get state(): LogState {
    return this.#state;
  }

  get databases(): DatabaseState[] {
    return [{ state: this.#state, vitals: null, use: null }];
  }

  placeOf(): number {
    return 0;
  }

  /** So many topics a tenant may have from now on, counted with those of the other workers. */
  quotaOfTopics(tenant: Tenant, max: number | null, count: () => SharedCount): void {
    this.#topics.quotaOf(tenant, max, count);
  }

  async open(): Promise<void> {
    this.#enter('open', 'in memory: nothing survives a restart');
    this.#armRetention();
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#appends.close();
    this.#outbox.stop();
    if (this.#retentionTimer !== null) this.#timers.clear(this.#retentionTimer);
    this.#enter('closed', 'closed');
  }

  epochOf(topicId: number): string {
    return formatEpoch(topicId, this.#bootNonce);
  }

  /** Of another boot nothing is left. */
  async commonUpTo(
    positions: readonly { topicId: number; epoch: string }[],
  ): Promise<(number | null)[]> {
    return positions.map(({ topicId, epoch }) =>
      epoch === this.epochOf(topicId) ? Number.POSITIVE_INFINITY : 0,
    );
  }

  async findTopic(key: TopicKey): Promise<TopicRecord | null> {
    return this.#topics.find(key)?.record() ?? null;
  }

  async findTopics(keys: readonly TopicKey[]): Promise<FoundTopics> {
    const found = keys.flatMap((key) => this.#topics.find(key)?.record() ?? []);
    return new Map(found.map((record) => [record.key, record]));
  }

  async createTopic(
    key: TopicKey,
    retention: Retention | null,
  ): Promise<{ topic: TopicRecord; created: boolean }> {
    const found = this.#topics.find(key);
    if (found !== undefined) return { topic: found.record(), created: false };
    return { topic: this.#topics.create(key, retention).record(), created: true };
  }

  async listTopics(
    tenant: Tenant,
    page: { after: string; prefix: string; limit: number },
  ): Promise<TopicRecord[]> {
    return this.#topics.list(tenant, page).map((topic) => topic.record());
  }

  async patchTopic(key: TopicKey, retention: Retention): Promise<TopicRecord | null> {
    const topic = this.#topics.find(key);
    if (topic === undefined) return null;
    topic.retention = { ...retention };
    topic.evictOver();
    topic.evictOld(this.#options.clock.now());
    this.#topics.count(topic);
    return topic.record();
  }

  async moveTopic(key: TopicKey, to: number): Promise<TopicMoved> {
    return movedNowhere(to, await this.findTopic(key));
  }

  async deleteTopic(key: TopicKey): Promise<TopicRecord | null> {
    const topic = this.#topics.find(key);
    if (topic === undefined) return null;
    this.flush();
    this.#topics.delete(topic);
    this.#outbox.dropTopic(topic.id);
    this.subscriptions.dropTopic(topic.id);
    return topic.record();
  }

  async heads(topicIds: readonly number[]): Promise<Map<number, TopicRecord>> {
    const heads = new Map<number, TopicRecord>();
    for (const id of topicIds) {
      const topic = this.#topics.byId(id);
      if (topic !== undefined) heads.set(id, topic.record());
    }
    return heads;
  }

  async headMoves(): Promise<HeadMoves> {
    return UNCOUNTED;
  }

  async movedHeads(known: readonly KnownHead[]): Promise<readonly number[]> {
    const hasMoved = ({ id, head }: KnownHead): boolean =>
      (this.#topics.byId(id)?.record().lastSequence ?? Number.POSITIVE_INFINITY) > head;
    return known.filter(hasMoved).map(({ id }) => id);
  }

  headsHere(topicIds: readonly number[]): Promise<Map<number, TopicRecord>> {
    return this.heads(topicIds);
  }

  append(append: A): void {
    this.#appends.add(append);
  }

  /** Commits all that was appended; calls the sink before it returns. */
  flush(): void {
    this.#appends.flush();
  }

  /** What another node published, as a message of this log; see MemoryAppends.takeIn. */
  takeIn(topicId: number, rows: readonly LogRow[]): LogRow[] {
    return this.#appends.takeIn(topicId, rows);
  }

  async read(range: ReadRange): Promise<LogPage> {
    return this.#living(range.topicId).read(range);
  }

  async sequenceAt(topicId: number, timeMs: number): Promise<number> {
    return this.#living(topicId).rows.sequenceAt(timeMs);
  }

  async defer(request: DeferRequest): Promise<DeferOutcome> {
    if (this.#state !== 'open') throw new RequestError('draining', 'the log is closed');
    const topic = this.#topics.byId(request.topicId);
    if (topic === undefined || topic.tenant !== request.tenant) throw topicGone();
    // What was appended before it has its key.
    this.flush();
    const first = this.#appends.firstResult(request.publication, topic, this.#options.clock.now());
    if (first === 'mismatch') throw new RequestError('dedupe_mismatch', MISMATCH, 'dedupe_key');
    if (first !== undefined) return { record: null, first };
    this.#appends.checkRoom(rowBytes(request.publication));
    if (this.#outbox.size >= this.#options.limits.memoryDeferredMax) throw tooManyDeferred();
    return { record: this.#outbox.add(request, topic.key), first: null };
  }

  async listDeferred(
    within: Within,
    page: { after: number; limit: number },
  ): Promise<DeferredRecord[]> {
    return this.#outbox.list(within, page);
  }

  async cancelDeferred(tenant: Tenant, id: number): Promise<'cancelled' | 'released' | 'unknown'> {
    return this.#outbox.cancel(tenant, id);
  }

  async totals(tenant: Tenant): Promise<LogTotals> {
    let topics = 0;
    let messages = 0;
    let bytes = 0;
    for (const topic of this.#topics.ofTenant(tenant)) {
      topics++;
      messages += topic.rows.last;
      bytes += topic.payloadBytes;
    }
    const deadLettersEvicted = this.subscriptions.deadLettersEvictedOf(tenant);
    const deferred = this.#outbox.count(tenant);
    const deadLetters = this.subscriptions.deadLettersOf(tenant);
    return { topics, messages, bytes, deferred, deadLetters, deadLettersEvicted };
  }

  #living(topicId: number): MemoryTopic<A> {
    const topic = this.#topics.byId(topicId);
    if (topic === undefined) throw topicGone();
    return topic;
  }

  #armRetention(): void {
    this.#retentionTimer = this.#timers.set(() => {
      const now = this.#options.clock.now();
      for (const topic of this.#topics.all()) {
        topic.evictOld(now);
        topic.forgetDedupe(now);
        this.#topics.count(topic);
      }
      if (this.#state !== 'closed') this.#armRetention();
    }, RETENTION_TURN_MS);
    this.#retentionTimer.unref();
  }

  #enter(state: LogState, detail: string): void {
    this.#state = state;
    this.#options.sink.stateChanged(state, detail);
  }
}

function bootNonce(clock: Clock): string {
  const chance = Math.floor(clock.random() * 36 ** 6).toString(36);
  return `${clock.now().toString(36)}${chance.padStart(6, '0')}`;
}

function topicGone(): RequestError {
  return new RequestError('topic_not_found', 'topic not found');
}

function tooManyDeferred(): RequestError {
  return new RequestError(
    'log_full',
    'so many messages are deferred already (MEMORY_DEFERRED_MAX)',
  );
}
