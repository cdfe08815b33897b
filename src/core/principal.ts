/**
 * Who asks: every HTTP exchange, WebSocket session and stream has one. It alone makes keys out of the names
 * that come from outside, so what is asked for is always of its tenant.
 */
import { asTenant, type Tenant, type TopicKey, topicKey, type Within } from './topic-key.js';

export const SCOPES = ['publish', 'subscribe', 'manage', 'operate'] as const;
export type Scope = (typeof SCOPES)[number];

/** At the bound all are forgotten, and made again as they are named. */
const KEYS_MAX = 16_384;

export class Principal {
  readonly tenant: Tenant;
  readonly scopes: ReadonlySet<Scope>;
  /** By name: a publisher names the same few topics over and over, and none of it costs a new string. */
  readonly #keys = new Map<string, TopicKey>();

  constructor(tenant: Tenant, scopes: Iterable<Scope>) {
    this.tenant = tenant;
    this.scopes = new Set(scopes);
  }

  /** The key of its tenant's topic of this name; the same string each time, while the name is known. */
  keyOf(name: string): TopicKey {
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    if (this.#keys.size >= KEYS_MAX) this.#keys.clear();
    const key = topicKey(this.tenant, name);
    this.#keys.set(name, key);
    return key;
  }

  /** Its tenant's topic of this name; null: all of its tenant. */
  within(name: string | null): Within {
    return name === null ? this.tenant : this.keyOf(name);
  }
}

/** The one tenant of this version; API keys will name others. */
const TENANT = asTenant('default');

/** Whoever calls, until there are API keys: the default tenant's, and may do all. */
export const ANYONE = new Principal(TENANT, SCOPES);
