/**
 * Who asks: every HTTP exchange, WebSocket session and stream has one. It alone makes keys out of the names
 * that come from outside, so what is asked for is always of its tenant, and of a topic that its API key is
 * for.
 */
import { RequestError } from './errors.js';
import type { KeyRight } from './key-record.js';
import { KeysByName } from './keys-by-name.js';
import { bitsOf, type NeededScope, neededBits, SCOPES, type Scope } from './scope.js';
import { asTenant, type Tenant, type TopicKey, topicKey, type Within } from './topic-key.js';
import { coversPattern, coversPrefix, fitsPattern } from './topic-pattern.js';

export interface PrincipalOptions {
  /** Patterns of topics; null: all of the tenant. */
  topics: readonly string[] | null;
  /** Null: no key is asked for, or none of ours made the token. */
  keyId: string | null;
  /** Unix ms; null: it does not end. */
  expiresAtMs: number | null;
  /** Of the login that it came with; absent: it came with the key itself, or nobody asked for one. */
  loginId?: string;
  /** Absent: it came with a key. */
  token?: TokenUse;
}

/** What is known of the token that somebody came with. */
export interface TokenUse {
  /** Whom it is for, in the words of whoever made it; null: nobody in particular. */
  readonly subject: string | null;
  /** Of the API key that it comes of; null: of somebody else's issuer. */
  readonly issuer: Principal | null;
  /** When it runs out, monotonic ms of this thread; it is over earlier when its issuer gave its key up. */
  endMs: number;
}

const UNBOUND: PrincipalOptions = { topics: null, keyId: null, expiresAtMs: null };

export class Principal {
  readonly tenant: Tenant;
  readonly scopes: ReadonlySet<Scope>;
  readonly keyId: string | null;
  /** Null: it came with the key itself, or nobody asked for one. */
  readonly loginId: string | null;
  /** The end of its key, which may move: a key that was rotated goes on for a while. */
  expiresAtMs: number | null;
  /** Patterns; null: all topics of the tenant. */
  readonly topics: readonly string[] | null;
  /** Null: it came with a key, or nobody asked for one. */
  readonly token: TokenUse | null;
  /** Sessions and streams that are its, or came with a token of its. */
  receivers = 0;
  /** Its scopes. */
  readonly #bits: number;
  /** Null: it has named none. */
  #keys: KeysByName | null = null;

  constructor(tenant: Tenant, scopes: Iterable<Scope>, options = UNBOUND) {
    this.tenant = tenant;
    this.scopes = new Set(scopes);
    this.#bits = bitsOf(this.scopes);
    this.keyId = options.keyId;
    this.loginId = options.loginId ?? null;
    this.expiresAtMs = options.expiresAtMs;
    this.topics = options.topics;
    this.token = options.token ?? null;
  }

  /** A session or a stream of it has opened. */
  gained(): void {
    this.receivers++;
    this.token?.issuer?.gained();
  }

  lost(): void {
    this.receivers--;
    this.token?.issuer?.lost();
  }

  /** Throws `forbidden`, which names what is missing. */
  check(needed: NeededScope): void {
    if (this.may(needed)) return;
    throw new RequestError('forbidden', `the key lacks the scope ${needed}`);
  }

  may(needed: NeededScope): boolean {
    return (this.#bits & neededBits(needed)) !== 0;
  }

  /**
   * The key of its tenant's topic of this name; the same string each time, while the name is known. Throws
   * `forbidden` for a topic that its key is not for, whether it is there or not.
   */
  keyOf(name: string): TopicKey {
    const known = this.#keys?.get(name);
    if (known !== undefined) return known;
    if (!this.reaches(name)) throw outside('topic');
    const key = topicKey(this.tenant, name);
    this.#keys ??= new KeysByName();
    this.#keys.add(name, key);
    return key;
  }

  /** Another tenant's topic of this name, for the operator. Throws `forbidden` as `keyOf` does. */
  keyOfOther(tenant: string, name: string): TopicKey {
    if (!this.scopes.has('operate') || !this.reaches(name)) throw outside('topic');
    return topicKey(asTenant(tenant), name);
  }

  /** Its tenant's topic of this name; null: all of its tenant. Throws as `keyOf` and `whole` do. */
  within(name: string | null): Within {
    return name === null ? this.whole() : this.keyOf(name);
  }

  /** Its tenant, for what is not of one topic. Throws `forbidden` where its key is for some topics only. */
  whole(): Tenant {
    if (this.topics === null) return this.tenant;
    const detail = 'the key is for some topics only, and this is of the whole tenant: name a topic';
    throw new RequestError('forbidden', detail);
  }

  /** Its tenant, for a list of topics whose names begin so. Throws `forbidden`. */
  tenantBelow(prefix: string): Tenant {
    if (this.topics?.some((pattern) => coversPrefix(pattern, prefix)) === false) {
      throw outside('prefix');
    }
    return this.tenant;
  }

  /** Whether its key is for a topic of this name. */
  reaches(name: string): boolean {
    return this.topics === null || this.topics.some((pattern) => fitsPattern(pattern, name));
  }

  /** Whether it may do, for as long, whatever `right` allows: nobody gives what he has not. */
  covers(right: KeyRight): boolean {
    if (!lastsAsLong(this.expiresAtMs, right.expiresAtMs)) return false;
    return this.scopes.has('operate') || this.holds(right);
  }

  /** Whether it may itself do all of this, for however long. */
  holds({ tenant, scopes, topics }: Omit<KeyRight, 'expiresAtMs'>): boolean {
    if (tenant !== this.tenant || !scopes.every((scope) => this.scopes.has(scope))) return false;
    const own = this.topics;
    if (own === null) return true;
    const isCovered = (other: string): boolean => own.some((one) => coversPattern(one, other));
    return topics?.every(isCovered) === true;
  }
}

function lastsAsLong(one: number | null, other: number | null): boolean {
  return one === null || (other !== null && other <= one);
}

function outside(field: string): RequestError {
  return new RequestError(
    'forbidden',
    'the topic is outside the topics that the key is for',
    field,
  );
}

/** There is no other before somebody makes one, and what needs no key is its. */
const TENANT = asTenant('default');

/** Whoever calls a node that asks for no API keys: the default tenant's, and may do all. */
export const ANYONE = new Principal(TENANT, SCOPES);

/** Whoever calls without a key where keys are asked for: may do nothing that needs one. */
export const NOBODY = new Principal(TENANT, [], { ...UNBOUND, topics: [] });
