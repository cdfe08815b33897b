/**
 * What of API keys is being looked up, and who waits for it: one look-up for all who come with a key, many
 * ids in one question, few questions under way. An answer that is older than a change does not count: it is
 * asked for again.
 */
import type { FoundKey } from '../core/key-record.js';

/** Ids in one question. */
const IDS_MAX = 256;
/** Questions under way. */
const QUESTIONS_MAX = 2;

export interface KeyQuestionsOptions {
  /** How many may wait. */
  waitersMax: number;
  /** Those of the ids that there are. */
  find: (ids: readonly string[]) => Promise<readonly FoundKey[]>;
  /** Each of these takes those who wait for the id. */
  onFound: (key: FoundKey) => void;
  onAbsent: (id: string) => void;
  onFailed: (ids: readonly string[], error: unknown) => void;
}

/** `order`: of its beginning. */
interface Question {
  ids: readonly string[];
  order: number;
}

/** `W`: who waits. */
export class KeyQuestions<W> {
  readonly #options: KeyQuestionsOptions;
  /** By id; nobody waits for one that is only looked up again. */
  readonly #waiters = new Map<string, W[]>();
  readonly #toAsk = new Set<string>();
  #waiting = 0;
  #underWay = 0;
  /** Counts changes: an answer may be older than one. */
  #order = 0;
  /** Of changes since the oldest question that is under way. */
  readonly #changedAt = new Map<string, number>();
  #allChangedAt = 0;
  #state: 'open' | 'closed' = 'open';

  constructor(options: KeyQuestionsOptions) {
    this.#options = options;
  }

  /** Who waits. */
  get waiting(): number {
    return this.#waiting;
  }

  /** False: too many wait. */
  wait(id: string, waiter: W): boolean {
    if (this.#waiting >= this.#options.waitersMax) return false;
    this.#waiting++;
    const others = this.#waiters.get(id);
    if (others !== undefined) {
      others.push(waiter);
      return true;
    }
    this.#waiters.set(id, [waiter]);
    this.#toAsk.add(id);
    // Whoever comes in this turn asks with it.
    if (this.#toAsk.size === 1) queueMicrotask(() => this.ask());
    return true;
  }

  /** To be asked with the next question. */
  add(id: string): void {
    this.#toAsk.add(id);
  }

  /** Unless somebody waits for it. */
  drop(id: string): void {
    if (!this.#waiters.has(id)) this.#toAsk.delete(id);
  }

  /** Null: any of them. What is under way about it is asked for again. */
  changed(ids: readonly string[] | null): void {
    this.#order++;
    if (ids === null) this.#allChangedAt = this.#order;
    else if (this.#underWay > 0) for (const id of ids) this.#changedAt.set(id, this.#order);
  }

  /** Those who wait for it, who do no longer. */
  take(id: string): W[] {
    const waiters = this.#waiters.get(id) ?? [];
    this.#waiters.delete(id);
    this.#waiting -= waiters.length;
    return waiters;
  }

  ask(): void {
    while (this.#toAsk.size > 0 && this.#underWay < QUESTIONS_MAX && this.#state === 'open') {
      const ids: string[] = [];
      for (const id of this.#toAsk) {
        if (ids.length >= IDS_MAX) break;
        ids.push(id);
        this.#toAsk.delete(id);
      }
      this.#underWay++;
      const question = { ids, order: this.#order };
      this.#options.find(ids).then(
        (found) => this.#answered(question, found),
        (error: unknown) => this.#unanswered(question, error),
      );
    }
  }

  /** Nothing is asked any more. The ids that somebody waits for. */
  close(): string[] {
    this.#state = 'closed';
    return [...this.#waiters.keys()];
  }

  #answered({ ids, order }: Question, found: readonly FoundKey[]): void {
    const byId = new Map(found.map((key) => [key.id, key]));
    for (const id of ids) {
      const key = byId.get(id);
      const changedAt = Math.max(this.#allChangedAt, this.#changedAt.get(id) ?? 0);
      if (changedAt > order) this.#toAsk.add(id);
      else if (key === undefined) this.#options.onAbsent(id);
      else this.#options.onFound(key);
    }
    this.#over();
  }

  #unanswered({ ids }: Question, error: unknown): void {
    this.#options.onFailed(ids, error);
    // What nobody waits for is due again at the next tick.
    for (const id of this.#toAsk) this.drop(id);
    this.#over();
  }

  #over(): void {
    this.#underWay--;
    if (this.#underWay === 0) this.#changedAt.clear();
    this.ask();
  }
}
