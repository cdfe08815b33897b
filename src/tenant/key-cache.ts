/**
 * The API keys that one acceptor thread knows, each with the principal made of it. Whoever comes with a key
 * that is known costs one look into a map. What is not known is looked up by its id: one look-up for all who
 * come with it, many ids in one question, few questions under way. Known keys that are used are looked up
 * again before they have been believed for KEY_TTL_S, and at once when somebody says that they changed.
 */
import { apiKeyId, digestOf, isSameDigest } from '../core/api-key.js';
import type { Clock } from '../core/clock.js';
import { RequestError } from '../core/errors.js';
import type { FoundKey } from '../core/key-record.js';
import type { Limits } from '../core/limits.js';
import type { Principal } from '../core/principal.js';
import { AbsentKeys } from './absent-keys.js';
import type { ConfiguredKeys } from './configured-keys.js';
import { KnownKey } from './known-key.js';

/** Ids in one question. */
const IDS_MAX = 256;
/** Questions under way. */
const QUESTIONS_MAX = 2;
/** Of all keys, each time looking for one that nobody's session has. */
const EVICTIONS_MAX = 64;
/** A key is said to be used once a minute. */
const USED_MS = 60_000;
const TICK_MS = 500;

export interface KeyCacheOptions {
  clock: Clock;
  limits: Pick<Limits, 'keysCachedMax' | 'keyLookupsMax' | 'keyTtlS'>;
  configured: ConfiguredKeys;
  /** Those of the ids that there are. Rejects with RequestError. */
  find: (ids: readonly string[]) => Promise<readonly FoundKey[]>;
  /** They were used a moment ago. */
  onUsed: (ids: readonly string[]) => void;
  /** What came with the key of this id has to end. */
  onOver: (keyId: string) => void;
  /** For what is neither an answer nor a refusal. */
  onFault: (error: unknown) => void;
}

/** What becomes of a key that was shown: whose it is, or why nobody's. */
export type Admitted = (outcome: Principal | RequestError) => void;

/** `order`: of its beginning. */
interface Question {
  ids: readonly string[];
  order: number;
}

interface Waiter {
  text: string;
  digest: Buffer;
  admitted: Admitted;
}

export class KeyCache {
  readonly #options: KeyCacheOptions;
  readonly #ttlMs: number;
  /** By id, those looked up longest ago first. */
  readonly #known = new Map<string, KnownKey>();
  /** By the key itself, for those that were shown here. */
  readonly #byText = new Map<string, KnownKey>();
  readonly #absent: AbsentKeys;
  /** Ids to be asked for, with those who wait; none wait for one that is known. */
  readonly #asked = new Map<string, Waiter[]>();
  readonly #toAsk = new Set<string>();
  #waiters = 0;
  #questions = 0;
  /** Counts questions and changes in their order: an answer may be older than a change. */
  #order = 0;
  /** Of changes since the oldest question that is under way. */
  readonly #changedAt = new Map<string, number>();
  #allChangedAt = 0;
  /** Monotonic, as of the last tick. */
  #nowMs: number;
  readonly #ticking: NodeJS.Timeout;
  #state: 'open' | 'closed' = 'open';

  constructor(options: KeyCacheOptions) {
    this.#options = options;
    this.#ttlMs = options.limits.keyTtlS * 1_000;
    this.#nowMs = options.clock.monotonic();
    this.#absent = new AbsentKeys();
    this.#ticking = setInterval(() => this.tick(), TICK_MS);
  }

  /** Whose it is, if that is known; for every request, so it makes nothing. */
  known(text: string): Principal | null {
    const key = this.#byText.get(text);
    if (key === undefined || key.untilMs <= this.#nowMs) return null;
    key.usedAtMs = this.#nowMs;
    return key.principal;
  }

  /** Calls `admitted` once, at once where nobody has to be asked. */
  admit(text: string, admitted: Admitted): void {
    const digest = digestOf(text);
    const configured = this.#options.configured.find(digest);
    if (configured !== null) {
      this.#byText.set(text, configured);
      admitted(configured.principal);
      return;
    }
    const id = apiKeyId(text);
    const nowMs = this.#options.clock.monotonic();
    if (id === null || this.#absent.has(id, nowMs)) {
      admitted(refused());
      return;
    }
    const key = this.#known.get(id);
    const waiter = { text, digest, admitted };
    if (key !== undefined && key.untilMs > nowMs) this.#settle(key, waiter);
    else this.#wait(id, waiter);
  }

  /** Null: any of them may be other than it was; until that is known they are believed. */
  changed(ids: readonly string[] | null): void {
    this.#order++;
    if (ids === null) {
      this.#allChangedAt = this.#order;
      this.#absent.clear();
    }
    for (const id of ids ?? [...this.#known.keys()]) {
      this.#absent.delete(id);
      if (ids !== null && this.#questions > 0) this.#changedAt.set(id, this.#order);
      const key = this.#known.get(id);
      if (key === undefined) continue;
      if (ids === null) key.doubt();
      else key.distrust();
      this.#toAsk.add(id);
    }
    this.#ask();
  }

  /** What time brings: ends, look-ups of what was believed for long, what is told of use. */
  tick(): void {
    const nowMs = this.#options.clock.monotonic();
    this.#nowMs = nowMs;
    const used: string[] = [];
    for (const [id, key] of this.#known) {
      if (key.isOver(nowMs)) this.#over(id, key);
      else if (key.isIdle(nowMs, this.#ttlMs)) this.#forget(id, key);
      else {
        if (key.isDue(nowMs, this.#ttlMs)) this.#toAsk.add(id);
        if (key.saysUse(nowMs, USED_MS)) used.push(id);
      }
    }
    this.#absent.sweep(nowMs);
    if (used.length > 0) this.#options.onUsed(used);
    this.#ask();
  }

  /** Whoever waits is refused. */
  close(): void {
    this.#state = 'closed';
    clearInterval(this.#ticking);
    for (const id of [...this.#asked.keys()]) this.#fail(id, shuttingDown());
  }

  /** How many are remembered, and how many wait: for tests of the bounds. */
  get sizes(): { known: number; texts: number; absent: number; waiters: number } {
    const { size: known } = this.#known;
    const { size: texts } = this.#byText;
    return { known, texts, absent: this.#absent.size, waiters: this.#waiters };
  }

  #wait(id: string, waiter: Waiter): void {
    const { keyLookupsMax } = this.#options.limits;
    if (this.#state === 'closed') {
      waiter.admitted(shuttingDown());
      return;
    }
    if (this.#waiters >= keyLookupsMax) {
      const detail = `${keyLookupsMax} requests wait for their key (KEY_LOOKUPS_MAX)`;
      waiter.admitted(new RequestError('busy', detail));
      return;
    }
    this.#waiters++;
    const waiters = this.#asked.get(id);
    if (waiters !== undefined) {
      waiters.push(waiter);
      return;
    }
    this.#asked.set(id, [waiter]);
    this.#toAsk.add(id);
    // Whoever comes in this turn asks with it.
    if (this.#toAsk.size === 1) queueMicrotask(() => this.#ask());
  }

  #ask(): void {
    while (this.#toAsk.size > 0 && this.#questions < QUESTIONS_MAX && this.#state === 'open') {
      const ids: string[] = [];
      for (const id of this.#toAsk) {
        if (ids.length >= IDS_MAX) break;
        ids.push(id);
        this.#toAsk.delete(id);
      }
      this.#questions++;
      const asked = { ids, order: this.#order };
      this.#options.find(ids).then(
        (found) => this.#answered(asked, found),
        (error: unknown) => this.#unanswered(asked, error),
      );
    }
  }

  #answered({ ids, order }: Question, found: readonly FoundKey[]): void {
    const byId = new Map(found.map((key) => [key.id, key]));
    const nowMs = this.#options.clock.monotonic();
    for (const id of ids) {
      const key = byId.get(id);
      const changedAt = Math.max(this.#allChangedAt, this.#changedAt.get(id) ?? 0);
      if (changedAt > order) this.#toAsk.add(id);
      else if (key === undefined) this.#gone(id, nowMs);
      else this.#learn(key, nowMs);
    }
    this.#questionOver();
  }

  /** What is known goes on being believed for as long as it would have been. */
  #unanswered({ ids }: Question, error: unknown): void {
    const isTold = error instanceof RequestError;
    if (!isTold) this.#options.onFault(error);
    const told = isTold ? error : new RequestError('internal', 'a fault of the server');
    for (const id of ids) this.#fail(id, told);
    // What nobody waits for is due again at the next tick.
    for (const id of this.#toAsk) if (!this.#asked.has(id)) this.#toAsk.delete(id);
    this.#questionOver();
  }

  #questionOver(): void {
    this.#questions--;
    if (this.#questions === 0) this.#changedAt.clear();
    this.#ask();
  }

  #gone(id: string, nowMs: number): void {
    const known = this.#known.get(id);
    if (known === undefined) this.#absent.add(id, nowMs);
    else this.#over(id, known);
    this.#fail(id, refused());
  }

  #learn(found: FoundKey, nowMs: number): void {
    const { id } = found;
    const before = this.#known.get(id);
    if (before?.isStill(found) === false) this.#over(id, before);
    const key = this.#known.get(id) ?? KnownKey.of(found);
    key.believe(found, { nowMs, ttlMs: this.#ttlMs });
    // Behind those that were looked up before it.
    this.#known.delete(id);
    this.#known.set(id, key);
    this.#evict();
    for (const waiter of this.#take(id)) this.#settle(key, waiter);
  }

  /** Some are kept for their sessions, which are bounded themselves. */
  #evict(): void {
    const { keysCachedMax } = this.#options.limits;
    let looks = EVICTIONS_MAX;
    for (const [id, key] of this.#known) {
      if (this.#known.size <= keysCachedMax || looks === 0) return;
      looks--;
      if (key.principal.receivers === 0) this.#forget(id, key);
      else {
        this.#known.delete(id);
        this.#known.set(id, key);
      }
    }
  }

  #settle(key: KnownKey, { text, digest, admitted }: Waiter): void {
    if (!isSameDigest(key.digest, digest)) {
      admitted(refused());
      return;
    }
    key.text = text;
    key.usedAtMs = this.#nowMs;
    if (this.#known.get(key.id) === key) this.#byText.set(text, key);
    admitted(key.principal);
  }

  #over(id: string, key: KnownKey): void {
    this.#forget(id, key);
    this.#options.onOver(id);
  }

  #forget(id: string, key: KnownKey): void {
    this.#known.delete(id);
    this.#toAsk.delete(id);
    if (key.text !== null) this.#byText.delete(key.text);
  }

  #fail(id: string, error: RequestError): void {
    for (const { admitted } of this.#take(id)) admitted(error);
  }

  #take(id: string): Waiter[] {
    const waiters = this.#asked.get(id) ?? [];
    this.#asked.delete(id);
    this.#waiters -= waiters.length;
    return waiters;
  }
}

/** One text, whatever is wrong with the key. */
export function refused(): RequestError {
  const detail = 'send an API key that is valid, as X-API-Key or Authorization: Bearer';
  return new RequestError('unauthorized', detail);
}

function shuttingDown(): RequestError {
  return new RequestError('draining', 'this node is shutting down');
}
