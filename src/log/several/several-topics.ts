/**
 * Topics of several databases as those of one log. The first has a row of each, which says where it is;
 * what is more of it says the one that has it. While the first is away topics are found by asking the
 * others, each of which knows its own by name. What is asked of a whole tenant needs all of them.
 */
import type { DeferredRecord } from '../../core/deferred-record.js';
import { RequestError } from '../../core/errors.js';
import type { LogTotals } from '../../core/log-figures.js';
import { keyWithin, type Tenant, type TopicKey, type Within } from '../../core/topic-key.js';
import type { TopicRecord } from '../../core/topic-record.js';
import type { FoundTopics, LogPage, MessageLog, ReadRange } from '../contract/message-log.js';
import type { PlacedTopics } from '../contract/placed-topics.js';
import { byPlace, firstOf, merged, ofAll } from './merged.js';
import { Places, withoutPlace } from './places.js';

/** What is read of one of the databases. */
export interface ReadDatabase
  extends Pick<
    MessageLog<never>,
    'findTopics' | 'listTopics' | 'heads' | 'read' | 'sequenceAt' | 'listDeferred' | 'totals'
  > {
  epochOf(topicId: number): string | Promise<string>;
  readonly placed: Pick<PlacedTopics, 'placeOf'>;
}

export class SeveralTopics {
  readonly #parts: readonly ReadDatabase[];
  readonly places: Places;

  /** By place. `kept`: as Places have it. */
  constructor(parts: readonly ReadDatabase[], kept: 'all' | 'lately') {
    this.#parts = parts;
    this.places = new Places(kept, (topicId) => this.#look(topicId));
  }

  /** Of the topic. */
  async of<T>(topicId: number, ask: (part: ReadDatabase) => Promise<T>): Promise<T> {
    return ask(this.#part(await this.places.of(topicId)));
  }

  async findTopic(key: TopicKey): Promise<TopicRecord | null> {
    const found = (await this.findTopics([key])).get(key) ?? null;
    if (found instanceof RequestError) throw found;
    return found;
  }

  async findTopics(keys: readonly TopicKey[]): Promise<FoundTopics> {
    const found: FoundTopics = new Map();
    let rows: FoundTopics;
    try {
      rows = await this.#part(0).findTopics(keys);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return this.#findWithoutFirst(keys, error);
    }
    const elsewhere: TopicRecord[] = [];
    for (const [key, record] of rows) {
      const isElsewhere = !(record instanceof RequestError) && record.place !== undefined;
      if (isElsewhere) elsewhere.push(record);
      else found.set(key, this.#learnt(record, 0));
    }
    const groups = byPlace(elsewhere, ({ place = 0 }) => place);
    await Promise.all([...groups].map(([place, group]) => this.#whole(place, group, found)));
    return found;
  }

  /** In the order of the first, each as the database has it that keeps it. */
  async listTopics(
    tenant: Tenant,
    page: { after: string; prefix: string; limit: number },
  ): Promise<TopicRecord[]> {
    const rows = await this.#part(0).listTopics(tenant, page);
    const groups = byPlace(rows, ({ place = 0 }) => place);
    const heads = await Promise.all(
      [...groups].flatMap(([place, group]) =>
        place === 0 ? [] : [this.#part(place).heads(group.map(({ id }) => id))],
      ),
    );
    const known = new Map(heads.flatMap((some) => [...some]));
    for (const { id, place = 0 } of rows) this.places.learn(id, place);
    // One that is gone there already is shown as the first has it, for a moment.
    return rows.map((row) => withoutPlace(known.get(row.id) ?? row));
  }

  /** For none it asks all, and rejects where none answers. */
  async heads(topicIds: readonly number[]): Promise<Map<number, TopicRecord>> {
    if (topicIds.length === 0) {
      await Promise.any(this.#parts.map((part) => part.heads([]))).catch(firstError);
      return new Map();
    }
    const known = await Promise.all(
      topicIds.map(async (id) => ({ id, place: await this.places.of(id) })),
    );
    const groups = byPlace(known, ({ place }) => place);
    const pages = await Promise.all(
      [...groups].map(([place, group]) => this.#part(place).heads(group.map(({ id }) => id))),
    );
    const heads = new Map(pages.flatMap((page) => [...page]));
    for (const id of topicIds) if (!heads.has(id)) this.places.forget(id);
    return heads;
  }

  read(range: ReadRange): Promise<LogPage> {
    return this.of(range.topicId, (part) => part.read(range));
  }

  sequenceAt(topicId: number, timeMs: number): Promise<number> {
    return this.of(topicId, (part) => part.sequenceAt(topicId, timeMs));
  }

  async epochOf(topicId: number): Promise<string> {
    return this.of(topicId, async (part) => part.epochOf(topicId));
  }

  async listDeferred(
    within: Within,
    page: { after: number; limit: number },
  ): Promise<DeferredRecord[]> {
    const pages = await this.within(within, (part) => part.listDeferred(within, page));
    return merged(pages, {
      compare: (a, b) => a.id - b.id,
      limit: page.limit,
      isCut: ({ length }) => length === page.limit,
    });
  }

  /** The first counts the topics of all. */
  async totals(tenant: Tenant): Promise<LogTotals> {
    const all = await ofAll(this.#parts, (part) => part.totals(tenant));
    const sum = (of: (totals: LogTotals) => number): number => all.reduce((n, t) => n + of(t), 0);
    return {
      topics: all[0]?.topics ?? 0,
      messages: sum(({ messages }) => messages),
      bytes: sum(({ bytes }) => bytes),
      deferred: sum(({ deferred }) => deferred),
      deadLetters: sum(({ deadLetters }) => deadLetters),
      deadLettersEvicted: sum(({ deadLettersEvicted }) => deadLettersEvicted),
    };
  }

  /** Of the database of the one topic that is meant, else of all. */
  async within<T>(
    within: Within,
    ask: (part: ReadDatabase, place: number) => Promise<T>,
  ): Promise<T[]> {
    const key = keyWithin(within);
    if (key === null) return ofAll(this.#parts, ask);
    const record = await this.findTopic(key);
    const place = record === null ? 0 : await this.places.of(record.id);
    return [await ask(this.#part(place), place)];
  }

  #part(place: number): ReadDatabase {
    const part = this.#parts[place];
    if (part !== undefined) return part;
    const where = `database ${place + 1} of DATABASE_URL, which this node does not name`;
    throw new RequestError('log_unavailable', `the topic is in ${where}`);
  }

  #learnt<R extends TopicRecord | RequestError>(record: R, place: number): R {
    if (!(record instanceof RequestError)) this.places.learn(record.id, place);
    return record;
  }

  /** Fills in those of one place; one that it does not have was deleted there. */
  async #whole(place: number, rows: readonly TopicRecord[], found: FoundTopics): Promise<void> {
    try {
      const heads = await this.#part(place).heads(rows.map(({ id }) => id));
      for (const { id, key } of rows) {
        const head = heads.get(id);
        if (head !== undefined) found.set(key, this.#learnt(head, place));
      }
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      for (const { key } of rows) found.set(key, error);
    }
  }

  /** What no other has may be there: nobody knows. */
  async #findWithoutFirst(keys: readonly TopicKey[], error: RequestError): Promise<FoundTopics> {
    const found: FoundTopics = new Map(keys.map((key) => [key, error]));
    await Promise.all(
      this.#parts.map(async (part, place) => {
        if (place === 0) return;
        const there = await part.findTopics(keys).catch(noneOfAway);
        for (const [key, record] of there) found.set(key, this.#learnt(record, place));
      }),
    );
    return found;
  }

  /** Of one that this thread has not met: as the first says, else whichever has it. */
  async #look(topicId: number): Promise<number> {
    try {
      return (await this.#part(0).placed.placeOf(topicId)) ?? 0;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const place = await firstOf(this.#parts.slice(1), async (part, n) =>
        (await part.heads([topicId])).has(topicId) ? n + 1 : null,
      );
      if (place === null) throw error;
      return place;
    }
  }
}

function firstError(error: unknown): never {
  throw error instanceof AggregateError ? error.errors[0] : error;
}

function noneOfAway(error: unknown): FoundTopics {
  if (error instanceof RequestError) return new Map();
  throw error;
}
