/**
 * The tokens that one acceptor thread knows, each with the principal made of it. One that nodes made is
 * checked here, once its API key is known, and is good as long as that key is believed; one of the
 * operator's issuer is checked by the directory, once in JWT_RECHECK_S for all who come with it, and for what
 * they have open. Whoever comes again costs one look into a map.
 */
import { digestOf } from '../core/api-key.js';
import type { Clock } from '../core/clock.js';
import { RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import { Principal, type TokenUse } from '../core/principal.js';
import { isOwnToken, isSealed, type ReadToken, readToken, TOKEN_CHARS_MAX } from '../core/token.js';
import type { TokenRecord } from '../core/token-record.js';
import { AbsentKeys } from './absent-keys.js';
import { type Admitted, type KeyCache, refused } from './key-cache.js';
import type { KnownKey } from './known-key.js';

/** Tokens that have run out are forgotten this often. */
const SWEEP_MS = 5_000;
/** Of all tokens, each time looking for one that nobody's session has. */
const EVICTIONS_MAX = 64;
/** Tokens of sessions that are checked again at one time: whoever comes now shall not wait behind them. */
const RECHECKS_MAX = 4;

export interface TokenCacheOptions {
  clock: Clock;
  limits: Pick<Limits, 'keysCachedMax' | 'keyLookupsMax' | 'jwtRecheckS'>;
  keys: KeyCache;
  /** What tokens that nodes make are sealed with. */
  secret: Uint8Array;
  /** Asks whoever knows the issuer of the operator; null: it is not good. Rejects with RequestError. */
  check: ((text: string) => Promise<TokenRecord | null>) | null;
  /** For what is neither an answer nor a refusal. */
  onFault: (error: unknown) => void;
}

interface KnownToken {
  principal: Principal;
  /** That it comes of; null: of somebody else's issuer. */
  key: KnownKey | null;
  /** Known until then, monotonic ms: not beyond its end. */
  untilMs: number;
}

export class TokenCache {
  readonly #options: TokenCacheOptions;
  /** By the token itself, the one that was seen first first. */
  readonly #known = new Map<string, KnownToken>();
  /** SHA-256 of those that are not good, which the directory need not be asked about again. */
  readonly #bad = new AbsentKeys();
  readonly #checking = new Map<string, Admitted[]>();
  /** Of the issuer, and to be checked again, since something that came with them is open. */
  readonly #due = new Set<string>();
  #rechecks = 0;
  #waiting = 0;
  readonly #sweeping: NodeJS.Timeout;

  constructor(options: TokenCacheOptions) {
    this.#options = options;
    this.#sweeping = setInterval(() => this.sweep(), SWEEP_MS);
  }

  /** Whose it is, if that is known; for every request, so it makes nothing. */
  known(text: string): Principal | null {
    const token = this.#known.get(text);
    if (token === undefined || token.untilMs <= this.#options.clock.monotonic()) return null;
    const isGood = token.key === null || this.#options.keys.believes(token.key);
    return isGood ? token.principal : null;
  }

  /** Calls `admitted` once, at once where nobody has to be asked. */
  admit(text: string, admitted: Admitted): void {
    const known = this.known(text);
    if (known !== null) admitted(known);
    else if (text.length > TOKEN_CHARS_MAX) admitted(refused());
    else if (isOwnToken(text)) this.#admitOwn(text, admitted);
    else this.#admitForeign(text, admitted);
  }

  /** What has run out is forgotten; what is to be checked again and has something open is checked. */
  sweep(): void {
    const nowMs = this.#options.clock.monotonic();
    for (const [text, token] of this.#known) {
      if (token.untilMs > nowMs) continue;
      const { endMs = 0 } = token.principal.token ?? {};
      if (isOpen(token) && endMs > nowMs) this.#due.add(text);
      else this.#known.delete(text);
    }
    this.#bad.sweep(nowMs);
    this.#recheck();
  }

  close(): void {
    clearInterval(this.#sweeping);
  }

  /** How many are remembered, and how many wait: for tests of the bounds. */
  get sizes(): { known: number; bad: number; waiting: number } {
    return { known: this.#known.size, bad: this.#bad.size, waiting: this.#waiting };
  }

  #admitOwn(text: string, admitted: Admitted): void {
    const read = readToken(text);
    if (read === null) {
      admitted(refused());
      return;
    }
    this.#options.keys.byId(read.claims.key, (key) => {
      const token = key instanceof RequestError ? key : this.#tokenOf(read, key);
      if (!(token instanceof RequestError)) this.#remember(text, token);
      admitted(token instanceof RequestError ? token : token.principal);
    });
  }

  /** What the key may not do by now its tokens may not, either; when it ends, they end with it. */
  #tokenOf(read: ReadToken, key: KnownKey): KnownToken | RequestError {
    const { secret, clock } = this.#options;
    if (!isSealed(read, { secret, digest: key.digest })) return refused();
    const { tenant, verbs: scopes, topics, subject, expiresAtMs } = read.claims;
    const leftMs = expiresAtMs - clock.now();
    if (leftMs <= 0 || !key.principal.holds({ tenant, scopes, topics })) return refused();
    const use = { subject, issuer: key.principal, endMs: clock.monotonic() + leftMs };
    const record = { tenant, verbs: read.claims.verbs, topics, subject, expiresAtMs };
    return { principal: principalOf(record, key.id, use), key, untilMs: use.endMs };
  }

  #admitForeign(text: string, admitted: Admitted): void {
    const { check, clock, limits } = this.#options;
    const { keyLookupsMax } = limits;
    const others = this.#checking.get(text);
    if (check === null || this.#bad.has(nameOf(text), clock.monotonic())) admitted(refused());
    else if (this.#waiting >= keyLookupsMax) {
      const detail = `${keyLookupsMax} requests wait for their token (KEY_LOOKUPS_MAX)`;
      admitted(new RequestError('busy', detail));
    } else {
      this.#waiting++;
      if (others !== undefined) {
        others.push(admitted);
        return;
      }
      this.#checking.set(text, [admitted]);
      void this.#check(text, check);
    }
  }

  /** Rejects never. */
  #check(text: string, check: (text: string) => Promise<TokenRecord | null>): Promise<void> {
    return check(text).then(
      (record) => this.#checked(text, record),
      (error: unknown) => this.#tell(text, this.#errorOf(error)),
    );
  }

  /** What cannot be checked now stays open, and is due again with the next sweep. */
  #recheck(): void {
    const { check } = this.#options;
    for (const text of this.#due) {
      if (check === null || this.#rechecks >= RECHECKS_MAX) return;
      this.#due.delete(text);
      // Somebody came with it meanwhile: what he is told counts for what is open, too.
      if (this.#checking.has(text)) continue;
      this.#rechecks++;
      this.#checking.set(text, []);
      void this.#check(text, check).then(() => {
        this.#rechecks--;
        this.#recheck();
      });
    }
  }

  #checked(text: string, record: TokenRecord | null): void {
    const { clock, limits } = this.#options;
    const nowMs = clock.monotonic();
    const before = this.#known.get(text);
    if (record === null) {
      this.#bad.add(nameOf(text), nowMs);
      this.#known.delete(text);
      if (before?.principal.token != null) before.principal.token.endMs = nowMs;
      this.#tell(text, refused());
      return;
    }
    const endMs = nowMs + record.expiresAtMs - clock.now();
    const use = { subject: record.subject, issuer: null, endMs };
    // The same for all who come with it: what they have open is found by it.
    const principal = before?.principal ?? principalOf(record, null, use);
    const untilMs = Math.min(endMs, nowMs + limits.jwtRecheckS * 1_000);
    this.#remember(text, { principal, key: null, untilMs });
    this.#tell(text, principal);
  }

  #errorOf(error: unknown): RequestError {
    if (error instanceof RequestError) return error;
    this.#options.onFault(error);
    return new RequestError('internal', 'a fault of the server');
  }

  #tell(text: string, outcome: Principal | RequestError): void {
    const waiters = this.#checking.get(text) ?? [];
    this.#checking.delete(text);
    this.#waiting -= waiters.length;
    for (const admitted of waiters) admitted(outcome);
  }

  /**
   * At the bound the oldest is forgotten, and checked again when somebody comes with it. Some are kept for
   * what is open of them, which is bounded itself.
   */
  #remember(text: string, token: KnownToken): void {
    this.#known.delete(text);
    this.#known.set(text, token);
    let looks = EVICTIONS_MAX;
    for (const [oldest, other] of this.#known) {
      if (this.#known.size <= this.#options.limits.keysCachedMax || looks === 0) return;
      looks--;
      this.#known.delete(oldest);
      if (isOpen(other) || other === token) this.#known.set(oldest, other);
    }
  }
}

/** Whether a session or a stream has it that ends only when it is found out that the token is not good. */
function isOpen({ key, principal }: KnownToken): boolean {
  return key === null && principal.receivers > 0;
}

function principalOf(record: TokenRecord, keyId: string | null, token: TokenUse): Principal {
  const { tenant, verbs, topics, expiresAtMs } = record;
  return new Principal(tenant, verbs, { topics, expiresAtMs, keyId, token });
}

/** Short, whatever is shown. */
function nameOf(text: string): string {
  return digestOf(text).toString('base64');
}
