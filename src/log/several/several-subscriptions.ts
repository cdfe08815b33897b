/**
 * Subscriptions of several databases as those of one log: each is in the database of its topic, and its id
 * is of a range of that database alone. What is asked of a whole tenant needs all of them.
 */
import { type DeadLetterGroup, mergedGroups } from '../../core/dead-letter-group.js';
import type { DeadLetterFilter, DeadLetterRecord } from '../../core/dead-letter-record.js';
import type { LogRow } from '../../core/message.js';
import type { SubscriptionRecord } from '../../core/subscription-record.js';
import type { Tenant, Within } from '../../core/topic-key.js';
import type { TopicArrears } from '../../core/topic-record.js';
import type { TraceRecord } from '../../core/trace-record.js';
import {
  type EphemeralSave,
  type FoundMessage,
  type HeldTerm,
  type LostTerm,
  type MissingMessage,
  OtherLog,
  type RedrivenDelivery,
  type SubscriptionSave,
  type SubscriptionStore,
} from '../contract/subscription-store.js';
import { byPlace, firstOf, merged, ofAll } from './merged.js';
import type { SeveralTopics } from './several-topics.js';

export class SeveralSubscriptions implements SubscriptionStore {
  readonly #stores: readonly SubscriptionStore[];
  readonly #topics: SeveralTopics;

  /** By place. */
  constructor(stores: readonly SubscriptionStore[], topics: SeveralTopics) {
    this.#stores = stores;
    this.#topics = topics;
  }

  readonly take: SubscriptionStore['take'] = (topicId, ...of) =>
    this.#of(topicId, (store) => store.take(topicId, ...of));

  readonly release: SubscriptionStore['release'] = (held) =>
    this.#of(held.topicId, (store) => store.release(held));

  readonly find: SubscriptionStore['find'] = (topicId, name) =>
    this.#of(
      topicId,
      (store) => store.find(topicId, name),
      (found) => found === null,
    );

  async list(
    within: Within,
    page: { after: { topic: string; name: string } | null; limit: number },
  ): Promise<SubscriptionRecord[]> {
    const pages = await this.#within(within, (store) => store.list(within, page));
    const all = merged(pages, {
      compare: (a, b) => ofBytes(a.topic, b.topic) || ofBytes(a.name, b.name),
      limit: page.limit,
      isCut: ({ length }) => length === page.limit,
    });
    this.#learn(pages);
    return all;
  }

  async arrears(tenant: Tenant, topicIds: readonly number[]): Promise<TopicArrears[]> {
    const groups = await this.#grouped(topicIds, (id) => id);
    const pages = await Promise.all(
      [...groups].map(([place, ids]) => this.#store(place).arrears(tenant, ids)),
    );
    return pages.flat();
  }

  /** Of those whose database is away nothing is known: what they save under a lost term is refused. */
  async lost(held: readonly HeldTerm[]): Promise<LostTerm[]> {
    const groups = await this.#grouped(held, ({ topicId }) => topicId);
    const pages = await Promise.all(
      [...groups].map(async ([place, group]) => {
        const lost = await this.#store(place).lost(group);
        const moved = await this.#moved(group, new Set(lost.map(({ id }) => id)), place);
        return lost.filter(({ id }) => !moved.has(id));
      }),
    );
    return pages.flat();
  }

  readonly delete: SubscriptionStore['delete'] = (topicId, name) =>
    this.#of(
      topicId,
      (store) => store.delete(topicId, name),
      (wasThere) => !wasThere,
    );

  /** One transaction in each database. */
  async save(
    saves: readonly SubscriptionSave[],
    onMissing?: (missing: MissingMessage) => void,
  ): Promise<number[]> {
    const groups = await this.#grouped(saves, ({ topicId }) => topicId);
    const refused = await Promise.all(
      [...groups].map(async ([place, group]) => {
        const lost = await this.#store(place).save(group, onMissing);
        // It is stored where its topic is by now, once that has come over to it.
        if ((await this.#moved(group, new Set(lost), place)).size > 0) throw new OtherLog();
        return lost;
      }),
    );
    return refused.flat();
  }

  async saveEphemeral(save: EphemeralSave, onMissing?: (sequence: number) => void): Promise<void> {
    const place = await this.#topics.places.of(save.topicId);
    try {
      await this.#store(place).saveEphemeral(save, onMissing);
    } catch (error) {
      if (error instanceof OtherLog) await this.#topics.hasMoved(save.topicId, place);
      throw error;
    }
  }

  async listDeadLetters(
    filter: DeadLetterFilter,
    page: { after: number; limit: number; bytesMax: number },
  ): Promise<DeadLetterRecord[]> {
    const pages = await this.#within(filter.within, (store) => store.listDeadLetters(filter, page));
    this.#learn(pages);
    const all = merged(pages, {
      compare: (a, b) => a.id - b.id,
      limit: page.limit,
      isCut: (some) => some.length === page.limit || bytesOf(some) >= page.bytesMax,
    });
    return withinBytes(all, page.bytesMax);
  }

  async countDeadLetters(filter: DeadLetterFilter): Promise<number> {
    const counts = await this.#within(filter.within, (store) => store.countDeadLetters(filter));
    return counts.reduce((sum, n) => sum + n, 0);
  }

  async groupDeadLetters(filter: DeadLetterFilter): Promise<DeadLetterGroup[]> {
    const groups = await this.#within(filter.within, (store) => store.groupDeadLetters(filter));
    return mergedGroups(groups.flat());
  }

  async purgeDeadLetters(filter: DeadLetterFilter, limit: number): Promise<number> {
    let went = 0;
    // One after another: together they remove no more than that.
    const places = await this.#within(filter.within, async (_store, place) => place);
    for (const place of places) {
      if (went < limit) went += await this.#store(place).purgeDeadLetters(filter, limit - went);
    }
    return went;
  }

  /** An id is in one of them; those of a database that is away may be none that it has. */
  async redrive(tenant: Tenant, ids: readonly number[]): Promise<DeadLetterRecord[]> {
    const answers = await Promise.allSettled(
      this.#stores.map((store) => store.redrive(tenant, ids)),
    );
    const pages = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    this.#learn(pages);
    const found = pages.flat();
    const failed = answers.find(({ status }) => status === 'rejected');
    if (found.length < ids.length && failed?.status === 'rejected') throw failed.reason;
    return found;
  }

  async redriven(
    after: readonly RedrivenDelivery[],
    database?: number,
  ): Promise<RedrivenDelivery[]> {
    if (database !== undefined) return this.#store(database).redriven(after);
    const pages = await ofAll(this.#stores, (store) => store.redriven(after));
    return pages.flat();
  }

  redrivenRows(
    of: Parameters<SubscriptionStore['redrivenRows']>[0],
    sequences: readonly number[],
  ): Promise<LogRow[]> {
    return this.#of(of.topicId, (store) => store.redrivenRows(of, sequences));
  }

  async findMessage(tenant: Tenant, messageId: Uint8Array): Promise<FoundMessage | null> {
    return firstOf(this.#stores, async (store, place) => {
      const found = await store.findMessage(tenant, messageId);
      if (found !== null) this.#topics.places.learn(found.topicId, place);
      return found;
    });
  }

  traceOf(...of: Parameters<SubscriptionStore['traceOf']>): Promise<TraceRecord> {
    return this.#of(of[0], (store) => store.traceOf(...of));
  }

  #of<T>(
    topicId: number,
    ask: (store: SubscriptionStore) => Promise<T>,
    isNone?: (answer: T) => boolean,
  ): Promise<T> {
    return this.#topics.asked(topicId, (place) => ask(this.#store(place)), isNone);
  }

  /** Those, of what is not found at a place, whose topic is elsewhere. */
  async #moved(
    asked: readonly { id: number; topicId: number }[],
    missing: ReadonlySet<number>,
    place: number,
  ): Promise<Set<number>> {
    const sought = asked.filter(({ id }) => missing.has(id));
    const moved = await Promise.all(
      sought.map(({ topicId }) => this.#topics.hasMoved(topicId, place)),
    );
    return new Set(sought.flatMap(({ id }, n) => (moved[n] === true ? [id] : [])));
  }

  #store(place: number): SubscriptionStore {
    const store = this.#stores[place];
    if (store === undefined) throw new Error(`there is no database at place ${place}`);
    return store;
  }

  #within<T>(
    within: Within,
    ask: (store: SubscriptionStore, place: number) => Promise<T>,
  ): Promise<T[]> {
    return this.#topics.within(within, (_part, place) => ask(this.#store(place), place));
  }

  async #grouped<T>(all: readonly T[], topicOf: (one: T) => number): Promise<Map<number, T[]>> {
    const placed = await Promise.all(
      all.map(async (one) => ({ one, place: await this.#topics.places.of(topicOf(one)) })),
    );
    const groups = byPlace(placed, ({ place }) => place);
    return new Map([...groups].map(([place, group]) => [place, group.map(({ one }) => one)]));
  }

  /** Of one topic there may be one page, whose place is known by then. */
  #learn(pages: readonly (readonly { topicId: number }[])[]): void {
    if (pages.length !== this.#stores.length) return;
    pages.forEach((page, place) => {
      for (const { topicId } of page) this.#topics.places.learn(topicId, place);
    });
  }
}

/** Names are ordered by their bytes. */
function ofBytes(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function bytesOf(records: readonly DeadLetterRecord[]): number {
  return records.reduce((sum, { row }) => sum + row.payload.length, 0);
}

/** At least one, and then until so many bytes. */
function withinBytes(records: readonly DeadLetterRecord[], bytesMax: number): DeadLetterRecord[] {
  let bytes = 0;
  let count = 0;
  for (const { row } of records) {
    if (count > 0 && bytes >= bytesMax) break;
    bytes += row.payload.length;
    count++;
  }
  return records.slice(0, count);
}
