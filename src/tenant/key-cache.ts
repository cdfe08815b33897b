/**
 * The API keys that one acceptor thread knows, each with the principal made of it. Whoever comes with a key
 * that is known costs one look into a map; what is not known is looked up by its id. Known keys that are used
 * are looked up again before they have been believed for KEY_TTL_S, and at once when somebody says that they
 * changed. A login, which a browser shows in the place of a key, is one more key here.
 */
import { apiKeyId, digestOf, isApiKeyId, isSameDigest, loginId } from '../core/api-key.js';
import type { Clock } from '../core/clock.js';
import { RequestError } from '../core/errors.js';
import type { FoundKey } from '../core/key-record.js';
import type { Limits } from '../core/limits.js';
import type { Principal } from '../core/principal.js';
import { AbsentKeys } from './absent-keys.js';
import type { ConfiguredKeys } from './configured-keys.js';
import { KeyQuestions } from './key-questions.js';
import { KnownKey } from './known-key.js';

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

type Waiter = (outcome: KnownKey | RequestError) => void;

/** A key as it was shown. */
interface ShownText {
  text: string;
  digest: Buffer;
}

export class KeyCache {
  readonly #options: KeyCacheOptions;
  readonly #ttlMs: number;
  /** By id, those looked up longest ago first. */
  readonly #known = new Map<string, KnownKey>();
  /** By the key itself, for those that were shown here. */
  readonly #byText = new Map<string, KnownKey>();
  readonly #absent = new AbsentKeys();
  readonly #questions: KeyQuestions<Waiter>;
  /** Monotonic, as of the last tick. */
  #nowMs: number;
  readonly #ticking: NodeJS.Timeout;
  #state: 'open' | 'closed' = 'open';

  constructor(options: KeyCacheOptions) {
    this.#options = options;
    this.#ttlMs = options.limits.keyTtlS * 1_000;
    this.#nowMs = options.clock.monotonic();
    this.#questions = new KeyQuestions<Waiter>({
      ...{ waitersMax: options.limits.keyLookupsMax, find: options.find },
      onFound: (key) => this.#learn(key),
      onAbsent: (id) => this.#gone(id),
      onFailed: (ids, error) => this.#failed(ids, error),
    });
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
    const id = apiKeyId(text) ?? loginId(text);
    if (id === null) {
      admitted(refused());
      return;
    }
    this.#find(id, (outcome) =>
      admitted(outcome instanceof RequestError ? outcome : this.#match(outcome, { text, digest })),
    );
  }

  /** The key of this id, which a token names. Calls `told` once, as `admit` does. */
  byId(id: string, told: Waiter): void {
    const configured = this.#options.configured.byId(id);
    if (configured !== null) told(configured);
    else if (isApiKeyId(id)) this.#find(id, told);
    else told(refused());
  }

  /** Whether it is believed; then it counts as used. */
  believes(key: KnownKey): boolean {
    if (key.untilMs <= this.#nowMs) return false;
    key.usedAtMs = this.#nowMs;
    return true;
  }

  /** Null: any of them may be other than it was; until that is known they are believed. */
  changed(ids: readonly string[] | null): void {
    this.#questions.changed(ids);
    if (ids === null) this.#absent.clear();
    for (const id of ids ?? [...this.#known.keys()]) {
      const key = this.#known.get(id);
      this.#absent.delete(id);
      if (key === undefined) continue;
      if (ids === null) key.doubt();
      else key.distrust();
      this.#questions.add(id);
    }
    this.#questions.ask();
  }

  /** What time brings: ends, look-ups of what was believed for long, what is told of use. */
  tick(): void {
    const nowMs = this.#options.clock.monotonic();
    this.#nowMs = nowMs;
    const used: string[] = [];
    for (const [id, key] of this.#known) {
      if (key.isOver(nowMs)) this.#over(key);
      else if (key.isIdle(nowMs, this.#ttlMs)) this.#forget(key);
      else {
        if (key.isDue(nowMs, this.#ttlMs)) this.#questions.add(id);
        // Who uses a login uses its key.
        if (key.saysUse(nowMs, USED_MS)) used.push(key.principal.keyId ?? id);
      }
    }
    this.#absent.sweep(nowMs);
    if (used.length > 0) this.#options.onUsed(used);
    this.#questions.ask();
  }

  /** Whoever waits is refused. */
  close(): void {
    this.#state = 'closed';
    clearInterval(this.#ticking);
    for (const id of this.#questions.close()) this.#tell(id, shuttingDown());
  }

  /** How many are remembered, and how many wait: for tests of the bounds. */
  get sizes(): { known: number; texts: number; absent: number; waiters: number } {
    const { size: known } = this.#known;
    const { size: texts } = this.#byText;
    return { known, texts, absent: this.#absent.size, waiters: this.#questions.waiting };
  }

  #find(id: string, waiter: Waiter): void {
    const nowMs = this.#options.clock.monotonic();
    const key = this.#known.get(id);
    if (this.#absent.has(id, nowMs)) waiter(refused());
    else if (key !== undefined && key.untilMs > nowMs) waiter(key);
    else if (this.#state === 'closed') waiter(shuttingDown());
    else if (!this.#questions.wait(id, waiter)) waiter(this.#tooMany());
  }

  #tooMany(): RequestError {
    const { keyLookupsMax } = this.#options.limits;
    const detail = `${keyLookupsMax} requests wait for their key (KEY_LOOKUPS_MAX)`;
    return new RequestError('busy', detail);
  }

  #gone(id: string): void {
    const known = this.#known.get(id);
    if (known === undefined) this.#absent.add(id, this.#options.clock.monotonic());
    else this.#over(known);
    this.#tell(id, refused());
  }

  /** What is known goes on being believed for as long as it would have been. */
  #failed(ids: readonly string[], error: unknown): void {
    const isTold = error instanceof RequestError;
    if (!isTold) this.#options.onFault(error);
    const told = isTold ? error : new RequestError('internal', 'a fault of the server');
    for (const id of ids) this.#tell(id, told);
  }

  #learn(found: FoundKey): void {
    const { id } = found;
    const before = this.#known.get(id);
    if (before?.isStill(found) === false) this.#over(before);
    const key = this.#known.get(id) ?? KnownKey.of(found);
    key.believe(found, { nowMs: this.#options.clock.monotonic(), ttlMs: this.#ttlMs });
    // Behind those that were looked up before it.
    this.#known.delete(id);
    this.#known.set(id, key);
    // Who waits may open a session with it, and none of a forgotten key would end with it.
    for (const waiter of this.#questions.take(id)) waiter(key);
    this.#evict();
  }

  /** Some are kept for their sessions, which are bounded themselves. */
  #evict(): void {
    const { keysCachedMax } = this.#options.limits;
    let looks = EVICTIONS_MAX;
    for (const [id, key] of this.#known) {
      if (this.#known.size <= keysCachedMax || looks === 0) return;
      looks--;
      if (key.principal.receivers === 0) this.#forget(key);
      else {
        this.#known.delete(id);
        this.#known.set(id, key);
      }
    }
  }

  #match(key: KnownKey, { text, digest }: ShownText): Principal | RequestError {
    if (!isSameDigest(key.digest, digest)) return new WrongSecret(key.principal);
    key.text = text;
    key.usedAtMs = this.#nowMs;
    if (this.#known.get(key.id) === key) this.#byText.set(text, key);
    return key.principal;
  }

  #over(key: KnownKey): void {
    this.#forget(key);
    this.#options.onOver(key.id);
  }

  #forget(key: KnownKey): void {
    // Tokens that know it ask for it again.
    key.distrust();
    this.#known.delete(key.id);
    this.#questions.drop(key.id);
    if (key.text !== null) this.#byText.delete(key.text);
  }

  #tell(id: string, error: RequestError): void {
    for (const waiter of this.#questions.take(id)) waiter(error);
  }
}

const INVALID = 'send an API key or a token that is valid, as X-API-Key or Authorization: Bearer';

/** One text, whatever is wrong with the key. */
export function refused(): RequestError {
  return new RequestError('unauthorized', INVALID);
}

/** The id of a key that is there, with another secret: told as any other, but the audit log knows. */
export class WrongSecret extends RequestError {
  /** Whose the id is. */
  readonly owner: Principal;

  constructor(owner: Principal) {
    super('unauthorized', INVALID);
    this.owner = owner;
  }
}

function shuttingDown(): RequestError {
  return new RequestError('draining', 'this node is shutting down');
}
