/**
 * Dead letters of the in-memory log: copies of their own, in id order, bounded by count and bytes.
 * Past a bound the oldest go first, and are counted.
 */
import { type DeadLetterGroup, GROUPED_MAX, groupsOf } from '../../core/dead-letter-group.js';
import type { DeadLetterFilter, DeadLetterRecord } from '../../core/dead-letter-record.js';
import type { Limits } from '../../core/limits.js';
import { DEAD_LETTERS_COUNTED } from '../../core/log-figures.js';
import type { LogRow } from '../../core/message.js';
import { rowBytes } from '../../core/message.js';
import { type Tenant, type TopicKey, tenantOf, topicNameOf } from '../../core/topic-key.js';
import { TOPIC_LETTERS_COUNTED } from '../../core/topic-record.js';
import type { DeadLetterDraft, SubscriptionStore } from '../contract/subscription-store.js';

export interface MemoryDeadLettersOptions {
  limits: Pick<Limits, 'memoryDeadLettersMax' | 'memoryDeadLetterBytesMax'>;
  /** Ids are idBase + n * idStep: unique across the workers of a node. */
  idBase: number;
  idStep: number;
}

/** Whose: of a durable subscription, or of a session. */
export interface DeadLetterOwner {
  topicId: number;
  key: TopicKey;
  subscription: string | null;
  subscriptionId: number | null;
  session: string | null;
}

/** A session names a dead letter only within its topic. */
interface KeyOwner {
  subscriptionId?: number | null;
  topicId?: number;
  session?: string | null;
}

interface KeptDeadLetter extends DeadLetterRecord {
  tenant: Tenant;
  key: TopicKey;
}

export class MemoryDeadLetters {
  readonly #options: MemoryDeadLettersOptions;
  /** Ids grow, so this is id order. */
  readonly #byId = new Map<number, KeptDeadLetter>();
  readonly #byKey = new Map<string, KeptDeadLetter>();
  #nextId: number;
  #bytes = 0;
  /** Tenants without one are not in it. */
  readonly #evicted = new Map<Tenant, number>();

  constructor(options: MemoryDeadLettersOptions) {
    this.#options = options;
    this.#nextId = options.idBase;
  }

  /** How many of the tenant's went because there was no room. */
  evictedOf(tenant: Tenant): number {
    return this.#evicted.get(tenant) ?? 0;
  }

  /** At most DEAD_LETTERS_COUNTED. */
  keptOf(tenant: Tenant): number {
    return Math.min(this.count(allOf(tenant)), DEAD_LETTERS_COUNTED);
  }

  /** As rowBytes reckons the copies. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Copies `row`; without it the one that is there is kept. False: there is nothing to keep. */
  store(owner: DeadLetterOwner, draft: DeadLetterDraft, row: LogRow | undefined): boolean {
    const key = keyOf(owner, draft.sequence);
    const old = this.#byKey.get(key);
    const { sequence: _, row: __, ...reasons } = draft;
    if (old !== undefined) {
      if (old.redriven) old.redrivenCount++;
      Object.assign(old, reasons, { redriven: false });
      return true;
    }
    if (row === undefined) return false;
    const letter: KeptDeadLetter = {
      ...owner,
      ...reasons,
      tenant: tenantOf(owner.key),
      topic: topicNameOf(owner.key),
      id: this.#nextId,
      row: copyOf(row),
      redrivenCount: 0,
      redriven: false,
    };
    this.#nextId += this.#options.idStep;
    this.#byId.set(letter.id, letter);
    this.#byKey.set(key, letter);
    this.#bytes += rowBytes(row);
    this.#evictOver();
    return true;
  }

  /** Removes it when it is redriven. */
  settle(owner: DeadLetterOwner, sequence: number): void {
    const letter = this.#byKey.get(keyOf(owner, sequence));
    if (letter?.redriven === true) this.#remove(letter);
  }

  /** Of a redriven one that nobody takes any more. */
  giveBack(owner: KeyOwner, sequence: number): void {
    const letter = this.#byKey.get(keyOf(owner, sequence));
    if (letter !== undefined) letter.redriven = false;
  }

  list(
    filter: DeadLetterFilter,
    page: { after: number; limit: number; bytesMax: number },
  ): DeadLetterRecord[] {
    const found: DeadLetterRecord[] = [];
    let bytes = 0;
    for (const letter of this.#matching(fitsFilter(filter))) {
      if (letter.id <= page.after) continue;
      if (found.length >= page.limit || (found.length > 0 && bytes >= page.bytesMax)) break;
      bytes += letter.row.payload.length;
      found.push(recordOf(letter));
    }
    return found;
  }

  count(filter: DeadLetterFilter): number {
    let count = 0;
    for (const _ of this.#matching(fitsFilter(filter))) count++;
    return count;
  }

  /** By topic, each at most TOPIC_LETTERS_COUNTED; topics that have none are not in it. */
  countsOf(tenant: Tenant): Map<number, number> {
    const counts = new Map<number, number>();
    for (const { topicId } of this.#matching(fitsFilter(allOf(tenant)))) {
      const count = Math.min((counts.get(topicId) ?? 0) + 1, TOPIC_LETTERS_COUNTED);
      counts.set(topicId, count);
    }
    return counts;
  }

  groups(filter: DeadLetterFilter): DeadLetterGroup[] {
    const letters: DeadLetterRecord[] = [];
    for (const letter of this.#matching(fitsFilter(filter))) {
      if (letters.length >= GROUPED_MAX) break;
      letters.push(letter);
    }
    return groupsOf(letters);
  }

  purge(filter: DeadLetterFilter, limit: number): number {
    let purged = 0;
    for (const letter of this.#matching(fitsFilter(filter))) {
      if (purged >= limit) break;
      this.#remove(letter);
      purged++;
    }
    return purged;
  }

  /** Marks it; null: the tenant has no such one, or it is marked already. */
  redrive(tenant: Tenant, id: number): DeadLetterRecord | null {
    const letter = this.#byId.get(id);
    if (letter?.tenant !== tenant || letter.redriven) return null;
    letter.redriven = true;
    return recordOf(letter);
  }

  redrivenRows(
    of: Parameters<SubscriptionStore['redrivenRows']>[0],
    sequences: readonly number[],
  ): LogRow[] {
    const rows: LogRow[] = [];
    for (const sequence of new Set(sequences)) {
      const letter = this.#byKey.get(keyOf(of, sequence));
      if (letter?.redriven === true) rows.push({ ...letter.row });
    }
    return rows.sort((a, b) => a.sequence - b.sequence);
  }

  ofMessage(topicId: number, sequence: number): DeadLetterRecord[] {
    const found = this.#matching(
      (letter) => letter.topicId === topicId && letter.row.sequence === sequence,
    );
    return [...found].map(recordOf);
  }

  /** A redriven one that lost its delivery row to a seek would be out of everybody's sight. */
  returnRedriven(subscriptionId: number, deliveries: ReadonlyMap<number, unknown>): void {
    for (const letter of this.#matching((it) => it.subscriptionId === subscriptionId)) {
      if (!deliveries.has(letter.row.sequence)) letter.redriven = false;
    }
  }

  removeAll(isGone: (letter: DeadLetterRecord) => boolean): void {
    for (const letter of this.#matching(isGone)) this.#remove(letter);
  }

  /** In id order. */
  *#matching(fits: (letter: KeptDeadLetter) => boolean): Generator<KeptDeadLetter> {
    for (const letter of this.#byId.values()) if (fits(letter)) yield letter;
  }

  #remove(letter: KeptDeadLetter): void {
    if (!this.#byId.delete(letter.id)) return;
    this.#byKey.delete(keyOf(letter, letter.row.sequence));
    this.#bytes -= rowBytes(letter.row);
  }

  #evictOver(): void {
    const { memoryDeadLettersMax, memoryDeadLetterBytesMax } = this.#options.limits;
    for (const oldest of this.#byId.values()) {
      const fits =
        this.#byId.size <= memoryDeadLettersMax && this.#bytes <= memoryDeadLetterBytesMax;
      if (fits) return;
      this.#remove(oldest);
      this.#evicted.set(oldest.tenant, this.evictedOf(oldest.tenant) + 1);
    }
  }
}

function allOf(tenant: Tenant): DeadLetterFilter {
  return { within: tenant, subscription: null, ids: null };
}

function keyOf(owner: KeyOwner, sequence: number): string {
  return typeof owner.subscriptionId === 'number'
    ? `${sequence} ${owner.subscriptionId}`
    : `${sequence} ${owner.topicId} ${owner.session}`;
}

function fitsFilter(filter: DeadLetterFilter): (letter: KeptDeadLetter) => boolean {
  const { within, subscription } = filter;
  const ids = filter.ids === null ? null : new Set(filter.ids);
  return (letter) =>
    (within === letter.tenant || within === letter.key) &&
    (subscription === null || letter.subscription === subscription) &&
    (ids === null ? !letter.redriven : ids.has(letter.id));
}

function recordOf({ tenant: _, key: __, ...record }: KeptDeadLetter): DeadLetterRecord {
  return { ...record, row: { ...record.row } };
}

/** The log's row is a view of memory that the log frees. */
function copyOf(row: LogRow): LogRow {
  return { ...row, messageId: row.messageId.slice(), payload: row.payload.slice() };
}
