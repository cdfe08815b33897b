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
import { FoldedReads } from '../contract/folded-reads.js';
import type { FoundTopics, LogPage, MessageLog, ReadRange } from '../contract/message-log.js';
import type { PlacedTopics } from '../contract/placed-topics.js';
import { onTheMove, type Whereabouts } from '../contract/topic-mover.js';
import { byPlace, firstOf, merged, ofAll } from './merged.js';
import { Places, withoutPlace } from './places.js';

/** What is read of one of the databases. */
export interface ReadDatabase
  extends Pick<
    MessageLog<never>,
    'findTopics' | 'listTopics' | 'heads' | 'read' | 'sequenceAt' | 'listDeferred' | 'totals'
  > {
  epochOf(topicId: number): string | Promise<string>;
  readonly placed: Pick<PlacedTopics, 'placesOf' | 'gone'>;
}

/** Places by topic ids. */
type Sought = Map<number, number | RequestError>;

export class SeveralTopics {
  readonly #parts: readonly ReadDatabase[];
  readonly places: Places;
  /** Where those have gone that are not found at a place, by that place. */
  readonly #moves = new Map<number, FoldedReads<number, number>>();

  /** By place. `kept`: as Places have it. */
  constructor(parts: readonly ReadDatabase[], kept: 'all' | 'lately') {
    this.#parts = parts;
    this.places = new Places(kept, (topicId) => this.#look(topicId));
  }

  /** Of the topic; once more where it has moved to, when it is not where it was. */
  async of<T>(topicId: number, ask: (part: ReadDatabase) => Promise<T>): Promise<T> {
    return this.asked(topicId, (place) => ask(this.#part(place)));
  }

  /** The same by places. `isNone`: an answer that may mean that the topic is not there any more. */
  async asked<T>(
    topicId: number,
    ask: (place: number) => Promise<T>,
    isNone: (answer: T) => boolean = () => false,
  ): Promise<T> {
    const place = await this.places.of(topicId);
    let why: { error: unknown } | null = null;
    try {
      const answer = await ask(place);
      if (!isNone(answer)) return answer;
      if (!(await this.hasMoved(topicId, place))) return answer;
    } catch (error) {
      if (!(error instanceof RequestError) || error.code !== 'topic_not_found') throw error;
      why = { error };
    }
    if (why !== null && !(await this.hasMoved(topicId, place))) throw why.error;
    return ask(await this.places.of(topicId));
  }

  /**
   * Whether a topic that is not found where it was, or no more, is elsewhere; it is known where, from then
   * on. All who ask at that moment ask together. Rejects `topic_busy` while nobody can say so.
   */
  async hasMoved(topicId: number, from: number): Promise<boolean> {
    const place = await this.#movesFrom(from).read(topicId);
    if (place === null) return false;
    this.places.learn(topicId, place);
    return true;
  }

  #movesFrom(from: number): FoldedReads<number, number> {
    const known = this.#moves.get(from);
    if (known !== undefined) return known;
    const made = new FoldedReads<number, number>((ids) => this.#search(ids, from));
    this.#moves.set(from, made);
    return made;
  }

  /**
   * Where those are that are not at `from`; those that are nowhere are not in the answer. An error is of that
   * topic alone.
   */
  async #search(topicIds: readonly number[], from: number): Promise<Sought> {
    const gone = await this.#part(from).placed.gone(topicIds);
    const places = await this.#byFirst(topicIds.filter((id) => !gone.has(id)));
    const coming: Sought = new Map();
    for (const [id, { movedTo, arrivingFrom }] of gone) {
      if (movedTo !== null) places.set(id, movedTo);
      else if (arrivingFrom !== null) coming.set(id, onTheMove());
    }
    const elsewhere = [...places].filter(([, place]) => place !== from);
    return new Map([...coming, ...(await this.#arrivedAt(elsewhere))]);
  }

  /** Those of which it says nothing are not in the answer; none are while it is away. */
  async #byFirst(topicIds: readonly number[]): Promise<Map<number, number>> {
    if (topicIds.length === 0) return new Map();
    try {
      return await this.#part(0).placed.placesOf(topicIds);
    } catch (error) {
      if (error instanceof RequestError) return new Map();
      throw error;
    }
  }

  /** By what the place of each says of it, and the next. */
  async #arrivedAt(places: readonly (readonly [id: number, place: number])[]): Promise<Sought> {
    const arrived: Sought = new Map();
    let left = places;
    for (let hops = 0; hops < this.#parts.length && left.length > 0; hops++) {
      const next: [number, number][] = [];
      const groups = byPlace(left, ([, place]) => place);
      await Promise.all(
        [...groups].map(async ([at, group]) => {
          const gone = await this.#goneFrom(
            at,
            group.map(([id]) => id),
          );
          for (const [id] of group) {
            const known = gone instanceof RequestError ? gone : gone.get(id);
            if (known === undefined) arrived.set(id, at);
            else if (known instanceof RequestError) arrived.set(id, known);
            // The first says where it was for as long as it is coming.
            else if (known.arrivingFrom !== null) arrived.set(id, onTheMove());
            else next.push([id, known.movedTo ?? at]);
          }
        }),
      );
      left = next;
    }
    for (const [id] of left) arrived.set(id, onTheMove());
    return arrived;
  }

  async #goneFrom(
    place: number,
    topicIds: readonly number[],
  ): Promise<Map<number, Whereabouts> | RequestError> {
    try {
      return await this.#part(place).placed.gone(topicIds);
    } catch (error) {
      if (error instanceof RequestError) return error;
      throw error;
    }
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
      [...groups].map(([place, group]) =>
        this.headsAt(
          place,
          group.map(({ id }) => id),
          (at, ids) => this.#part(at).heads(ids),
        ),
      ),
    );
    const heads = new Map(pages.flatMap((page) => [...page]));
    for (const id of topicIds) if (!heads.has(id)) this.places.forget(id);
    return heads;
  }

  /** Of one place; those that have moved are asked for where they are. */
  async headsAt(
    place: number,
    ids: readonly number[],
    ask: (place: number, ids: readonly number[]) => Promise<Map<number, TopicRecord>>,
  ): Promise<Map<number, TopicRecord>> {
    const there = await ask(place, ids);
    const heads = new Map([...there].filter(([, record]) => record.place === undefined));
    for (const id of heads.keys()) this.places.learn(id, place);
    const missing = ids.filter((id) => !heads.has(id));
    if (missing.length === 0) return heads;
    const moved = placesIn(await this.#search(missing, place));
    for (const [id, to] of moved) this.places.learn(id, to);
    for (const [to, some] of byPlace([...moved], ([, to]) => to)) {
      const idsThere = some.map(([id]) => id);
      const found = await ask(to, idsThere);
      for (const [id, record] of found) if (record.place === undefined) heads.set(id, record);
    }
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
      const ids = rows.map(({ id }) => id);
      const heads = await this.headsAt(place, ids, (at, some) => this.#part(at).heads(some));
      for (const { id, key } of rows) {
        const head = heads.get(id);
        if (head !== undefined) found.set(key, head);
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
      return (await this.#part(0).placed.placesOf([topicId])).get(topicId) ?? 0;
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

/** Throws what is wrong with any of them. */
function placesIn(sought: Sought): Map<number, number> {
  const places = new Map<number, number>();
  for (const [id, place] of sought) {
    if (place instanceof RequestError) throw place;
    places.set(id, place);
  }
  return places;
}

function firstError(error: unknown): never {
  throw error instanceof AggregateError ? error.errors[0] : error;
}

function noneOfAway(error: unknown): FoundTopics {
  if (error instanceof RequestError) return new Map();
  throw error;
}
