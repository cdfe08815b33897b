/**
 * The subscription store without a database: the whole contract, gone with its thread. Everything is
 * done within the call, so a save is whole whatever follows. Reads messages of the log beside it.
 */

import type { Clock } from '../../core/clock.js';
import type { DeadLetterGroup } from '../../core/dead-letter-group.js';
import type { DeadLetterFilter, DeadLetterRecord } from '../../core/dead-letter-record.js';
import { RequestError } from '../../core/errors.js';
import { idTag, idTagOf } from '../../core/id-tag.js';
import type { Limits } from '../../core/limits.js';
import type { LogRow } from '../../core/message.js';
import type { DeliveryRecord, SubscriptionRecord } from '../../core/subscription-record.js';
import {
  type Tenant,
  type TopicKey,
  tenantOf,
  topicNameOf,
  type Within,
} from '../../core/topic-key.js';
import type { TopicArrears } from '../../core/topic-record.js';
import { uuidTimeMs } from '../../core/uuid.js';
import type {
  EphemeralSave,
  FoundMessage,
  HeldTerm,
  InitialSubscription,
  LostTerm,
  MissingMessage,
  RedrivenDelivery,
  SubscriptionSave,
  SubscriptionStore,
} from '../contract/subscription-store.js';
import {
  durableLimit,
  FIRST_TRACE_PAGE,
  noSubscription,
  REDRIVEN_PAGE,
} from '../contract/subscription-store.js';
import type { HotRows } from './hot-rows.js';
import type { DeadLetterOwner } from './memory-dead-letters.js';
import { MemoryDeadLetters, type MemoryDeadLettersOptions } from './memory-dead-letters.js';
import { MemoryFailures } from './memory-failures.js';

const FAILURES_MAX = 1_000;
/** Of sessions without a name, in one trace. */
const EPHEMERAL_MAX = 1_000;
/** How far before the clock of the log that of the id's maker may be. */
const CLOCKS_APART_MS = 600_000;

/** What is read of the log's topics. */
export interface SubscribedTopic {
  readonly id: number;
  readonly key: TopicKey;
  readonly rows: HotRows;
}

export interface MemorySubscriptionsOptions extends MemoryDeadLettersOptions {
  limits: MemoryDeadLettersOptions['limits'] & Pick<Limits, 'durablesPerTopicMax'>;
  clock: Clock;
  topics: {
    byId(id: number): SubscribedTopic | undefined;
    ofTenant(tenant: Tenant): Iterable<SubscribedTopic>;
  };
}

interface Kept {
  record: SubscriptionRecord;
  key: TopicKey;
  deliveries: Map<number, DeliveryRecord>;
}

export class MemorySubscriptions implements SubscriptionStore {
  readonly #options: MemorySubscriptionsOptions;
  readonly #byId = new Map<number, Kept>();
  /** By topic, then by name. */
  readonly #byTopic = new Map<number, Map<string, Kept>>();
  readonly #deadLetters: MemoryDeadLetters;
  readonly #failures = new MemoryFailures();
  #nextId: number;

  constructor(options: MemorySubscriptionsOptions) {
    this.#options = options;
    this.#nextId = options.idBase;
    this.#deadLetters = new MemoryDeadLetters(options);
  }

  /** Dead letters of the tenant that are kept, at most DEAD_LETTERS_COUNTED. */
  deadLettersOf(tenant: Tenant): number {
    return this.#deadLetters.keptOf(tenant);
  }

  /** Dead letters of the tenant that went because there was no room. */
  deadLettersEvictedOf(tenant: Tenant): number {
    return this.#deadLetters.evictedOf(tenant);
  }

  async take(
    topicId: number,
    name: string,
    initial: InitialSubscription | null,
  ): Promise<{ record: SubscriptionRecord; deliveries: DeliveryRecord[] }> {
    const found = this.#find(topicId, name);
    const kept = found ?? this.#create(topicId, name, initial);
    if (found !== undefined) kept.record.term++;
    const deliveries = [...kept.deliveries.values()].sort((a, b) => a.sequence - b.sequence);
    return { record: structuredClone(kept.record), deliveries: structuredClone(deliveries) };
  }

  /** There is nobody else. */
  async release(): Promise<void> {
    await Promise.resolve();
  }

  async find(topicId: number, name: string): Promise<SubscriptionRecord | null> {
    const kept = this.#find(topicId, name);
    return kept === undefined ? null : structuredClone(kept.record);
  }

  async list(
    within: Within,
    page: { after: { topic: string; name: string } | null; limit: number },
  ): Promise<SubscriptionRecord[]> {
    const { after } = page;
    const found: SubscriptionRecord[] = [];
    for (const { record, key } of this.#byId.values()) {
      if (within !== key && within !== tenantOf(key)) continue;
      if (after === null || inOrder(after, record) < 0) found.push(record);
    }
    return structuredClone(found.sort(inOrder).slice(0, page.limit));
  }

  async arrears(tenant: Tenant, topicIds: readonly number[]): Promise<TopicArrears[]> {
    const letters = this.#deadLetters.countsOf(tenant);
    return topicIds.flatMap((topicId) => {
      const key = this.#options.topics.byId(topicId)?.key;
      if (key === undefined || tenantOf(key) !== tenant) return [];
      const all = [...(this.#byTopic.get(topicId)?.values() ?? [])];
      const floor = all.length === 0 ? null : Math.min(...all.map(({ record }) => record.ackFloor));
      return [{ topicId, floor, deadLetters: letters.get(topicId) ?? 0 }];
    });
  }

  async lost(held: readonly HeldTerm[]): Promise<LostTerm[]> {
    return held.flatMap((one): LostTerm[] => {
      const { id, term } = one;
      const kept = this.#byId.get(id);
      if (kept === undefined || !isSame(kept, one)) return [{ id, why: 'deleted' }];
      return kept.record.term === term ? [] : [{ id, why: 'taken_over' }];
    });
  }

  async delete(topicId: number, name: string): Promise<boolean> {
    const kept = this.#find(topicId, name);
    if (kept === undefined) return false;
    const { id } = kept.record;
    this.#byId.delete(id);
    this.#byTopic.get(topicId)?.delete(name);
    this.#deadLetters.removeAll((letter) => letter.subscriptionId === id);
    this.#failures.drop((failure) => failure.subscriptionId === id);
    return true;
  }

  /** What belongs to a topic that was deleted. */
  dropTopic(topicId: number): void {
    for (const { record } of this.#byTopic.get(topicId)?.values() ?? []) {
      this.#byId.delete(record.id);
    }
    this.#byTopic.delete(topicId);
    this.#deadLetters.removeAll((letter) => letter.topicId === topicId);
    this.#failures.drop((failure) => failure.topicId === topicId);
  }

  async save(
    saves: readonly SubscriptionSave[],
    onMissing: (missing: MissingMessage) => void = () => undefined,
  ): Promise<number[]> {
    const refused: number[] = [];
    for (const save of saves) {
      const kept = this.#byId.get(save.id);
      if (kept === undefined || kept.record.term !== save.term || !isSame(kept, save)) {
        refused.push(save.id);
      } else {
        for (const sequence of this.#store(kept, structuredClone(save))) {
          onMissing({ id: save.id, sequence });
        }
      }
    }
    return refused;
  }

  async saveEphemeral(
    save: EphemeralSave,
    onMissing: (sequence: number) => void = () => undefined,
  ): Promise<void> {
    const { topicId, session } = save;
    const topic = this.#options.topics.byId(topicId);
    if (topic === undefined) return;
    const names = { key: topic.key, subscription: null };
    const owner = { topicId, session, subscriptionId: null, ...names };
    this.#storeExceptions(owner, save).forEach(onMissing);
    for (const sequence of save.returned ?? []) this.#deadLetters.giveBack(owner, sequence);
  }

  async listDeadLetters(
    filter: DeadLetterFilter,
    page: { after: number; limit: number; bytesMax: number },
  ): Promise<DeadLetterRecord[]> {
    return this.#deadLetters.list(filter, page);
  }

  async countDeadLetters(filter: DeadLetterFilter): Promise<number> {
    return this.#deadLetters.count(filter);
  }

  async groupDeadLetters(filter: DeadLetterFilter): Promise<DeadLetterGroup[]> {
    return this.#deadLetters.groups(filter);
  }

  async purgeDeadLetters(filter: DeadLetterFilter, limit: number): Promise<number> {
    return this.#deadLetters.purge(filter, limit);
  }

  async redrive(tenant: Tenant, ids: readonly number[]): Promise<DeadLetterRecord[]> {
    const redriven: DeadLetterRecord[] = [];
    for (const id of [...ids].sort((a, b) => a - b)) {
      const letter = this.#deadLetters.redrive(tenant, id);
      if (letter === null) continue;
      const { sequence } = letter.row;
      const kept = this.#byId.get(letter.subscriptionId ?? 0);
      kept?.deliveries.set(sequence, this.#redrivenRow(sequence));
      redriven.push(letter);
    }
    return redriven;
  }

  async redriven(after: readonly RedrivenDelivery[]): Promise<RedrivenDelivery[]> {
    return after.flatMap((place) => {
      const { id } = place;
      const given = [...(this.#byId.get(id)?.deliveries.values() ?? [])]
        .filter(({ redriven }) => redriven)
        .map(({ sequence, dueAtMs }) => ({ id, atUs: dueAtMs * 1_000, sequence }))
        .filter((one) => isAfter(one, place));
      return given.sort((a, b) => (isAfter(a, b) ? 1 : -1)).slice(0, REDRIVEN_PAGE);
    });
  }

  async redrivenRows(
    of: Parameters<SubscriptionStore['redrivenRows']>[0],
    sequences: readonly number[],
  ): Promise<LogRow[]> {
    return this.#deadLetters.redrivenRows(of, sequences);
  }

  /** By the tag in the id its topics are found; then by its time, where it stands about. */
  async findMessage(tenant: Tenant, messageId: Uint8Array): Promise<FoundMessage | null> {
    const tag = idTagOf(messageId);
    for (const { id, key, rows } of this.#options.topics.ofTenant(tenant)) {
      if (idTag(id) !== tag) continue;
      const from = rows.sequenceAt(uuidTimeMs(messageId) - CLOCKS_APART_MS);
      for (let at = from; at <= rows.last; at++) {
        const row = rows.at(at);
        if (row === undefined || Buffer.compare(row.messageId, messageId) !== 0) continue;
        return { key, topicId: id, row };
      }
    }
    return null;
  }

  async traceOf(
    topicId: number,
    sequence: number,
    { after, limit } = FIRST_TRACE_PAGE,
  ): ReturnType<SubscriptionStore['traceOf']> {
    const ofTopic = [...(this.#byTopic.get(topicId)?.values() ?? [])]
      .filter(({ record }) => record.name > after)
      .sort((a, b) => inOrder(a.record, b.record));
    const subscriptions = ofTopic.slice(0, limit).map(({ record, deliveries }) => ({
      record: structuredClone(record),
      delivery: structuredClone(deliveries.get(sequence)) ?? null,
    }));
    const ids = new Set<number | null>(subscriptions.map(({ record }) => record.id));
    const ofMessage = this.#deadLetters.ofMessage(topicId, sequence);
    const deadLetters = ofMessage.filter(({ subscriptionId }) => ids.has(subscriptionId));
    if (after === '') deadLetters.push(...ephemeral(ofMessage));
    deadLetters.sort((a, b) => a.id - b.id);
    const next = ofTopic.length > limit ? (subscriptions.at(-1)?.record.name ?? null) : null;
    const failures = this.#failures.of(topicId, sequence, FAILURES_MAX).map((failure) => {
      const { topicId: _, subscriptionId, ...rest } = failure;
      return { ...rest, subscription: this.#byId.get(subscriptionId ?? 0)?.record.name ?? null };
    });
    return { subscriptions, deadLetters, failures, next };
  }

  #find(topicId: number, name: string): Kept | undefined {
    return this.#byTopic.get(topicId)?.get(name);
  }

  #create(topicId: number, name: string, initial: InitialSubscription | null): Kept {
    const topic = this.#options.topics.byId(topicId);
    if (topic === undefined) throw new RequestError('topic_not_found', 'topic not found');
    if (initial === null) throw noSubscription();
    const { settings, cursor } = initial;
    const max = this.#options.limits.durablesPerTopicMax;
    if ((this.#byTopic.get(topicId)?.size ?? 0) >= max) throw durableLimit(max);
    const record: SubscriptionRecord = {
      id: this.#nextId,
      topicId,
      topic: topicNameOf(topic.key),
      name,
      settings: { ...settings },
      ackFloor: cursor,
      settled: [],
      delivered: cursor,
      term: 1,
      paused: false,
      createdAtMs: this.#options.clock.now(),
    };
    const kept: Kept = { record, key: topic.key, deliveries: new Map() };
    this.#nextId += this.#options.idStep;
    this.#byId.set(record.id, kept);
    const names = this.#byTopic.get(topicId) ?? new Map<string, Kept>();
    this.#byTopic.set(topicId, names.set(name, kept));
    return kept;
  }

  /** Answers what could not become a dead letter. */
  #store(kept: Kept, save: SubscriptionSave): number[] {
    const { record, deliveries, key } = kept;
    const { ackFloor, settled, delivered, settings, paused } = save;
    Object.assign(record, { ackFloor, settled, delivered, settings, paused });
    if (save.dropDeliveries) deliveries.clear();
    for (const sequence of save.settledDeliveries) deliveries.delete(sequence);
    for (const { sequence } of save.deadLetters) deliveries.delete(sequence);
    for (const delivery of save.deliveries) deliveries.set(delivery.sequence, delivery);
    const { id, topicId, name } = record;
    const owner = { topicId, key, subscription: name, subscriptionId: id, session: null };
    const missing = this.#storeExceptions(owner, save);
    for (const sequence of missing) deliveries.set(sequence, this.#redrivenRow(sequence));
    if (save.dropDeliveries) this.#deadLetters.returnRedriven(id, deliveries);
    return missing;
  }

  #redrivenRow(sequence: number): DeliveryRecord {
    const dueAtMs = this.#options.clock.now();
    const fresh = { attempts: 0, firstFailedAtMs: 0, lastError: null };
    return { sequence, dueAtMs, ...fresh, redriven: true };
  }

  /**
   * Dead letters first: what comes back redriven is no longer redriven when it is settled. Answers
   * those that are nowhere any more.
   */
  #storeExceptions(
    owner: DeadLetterOwner,
    save: Pick<EphemeralSave, 'deadLetters' | 'failures' | 'settledDeliveries'>,
  ): number[] {
    const { topicId, subscriptionId } = owner;
    const rows = this.#options.topics.byId(topicId)?.rows;
    const missing: number[] = [];
    for (const draft of save.deadLetters) {
      const row = rows?.at(draft.sequence) ?? draft.row;
      if (!this.#deadLetters.store(owner, draft, row)) missing.push(draft.sequence);
    }
    for (const sequence of save.settledDeliveries) this.#deadLetters.settle(owner, sequence);
    for (const failure of save.failures) {
      this.#failures.add({ ...failure, topicId, subscriptionId });
    }
    return missing;
  }
}

function ephemeral(letters: readonly DeadLetterRecord[]): DeadLetterRecord[] {
  return letters.filter(({ subscriptionId }) => subscriptionId === null).slice(0, EPHEMERAL_MAX);
}

interface Place {
  topic: string;
  name: string;
}

/** Names are ASCII, so that the order of UTF-16 is that of bytes. */
function inOrder(a: Place, b: Place): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}

function isAfter(a: RedrivenDelivery, b: RedrivenDelivery): boolean {
  return a.atUs > b.atUs || (a.atUs === b.atUs && a.sequence > b.sequence);
}

function isSame({ record }: Kept, { topicId, createdAtMs }: HeldTerm): boolean {
  return record.topicId === topicId && record.createdAtMs === createdAtMs;
}
