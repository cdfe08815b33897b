/**
 * The directory of tenants, API keys and logins, on the main thread: answers what acceptors ask, makes keys,
 * and says of faults of the database what any reader of the log would. No key passes through it again once it
 * was shown.
 */
import { digestOf, isLoginId, makeApiKey } from '../core/api-key.js';
import type { AuditRecord } from '../core/audit-record.js';
import type { FoundKey, KeyRecord, KeyRight } from '../core/key-record.js';
import type { Limits } from '../core/limits.js';
import { answerAsk, type HandlersOf } from '../thread/call-port.js';
import type { DirectoryArgs, DirectoryAsk, DirectoryTypes } from '../thread/directory-calls.js';
import type { PoolResult } from '../thread/pool-port.js';
import type { AuditStore } from './audit-store.js';
import type { ConfiguredKeys } from './configured-keys.js';
import { directoryFailure } from './directory-failure.js';
import type { Issuer } from './issuer.js';
import { keyNotFound } from './key-refusal.js';
import type { KeyStore, NewKey } from './key-store.js';
import type { LeaseStore } from './lease-store.js';
import { Logins } from './logins.js';

export interface KeyDirectoryOptions {
  /** `none`: no key is good for operating, whatever it was made for. */
  operators: 'some' | 'none';
  configured: ConfiguredKeys;
  limits: Pick<Limits, 'loginHours'>;
  /** Null: tokens of no other are good. */
  issuer: Issuer | null;
  audit: AuditStore;
  leases: LeaseStore;
}

export class KeyDirectory {
  readonly #store: KeyStore;
  readonly #audit: AuditStore;
  readonly #leases: LeaseStore;
  readonly #handlers: HandlersOf<DirectoryTypes>;

  constructor(store: KeyStore, options: KeyDirectoryOptions) {
    const { operators, issuer, configured, limits, audit, leases } = options;
    this.#store = store;
    this.#audit = audit;
    this.#leases = leases;
    const logins = new Logins({ store: store.logins, configured, limits });
    const find = async (ids: readonly string[]): Promise<FoundKey[]> => {
      const [ofLogins, ofKeys] = [ids.filter(isLoginId), ids.filter((id) => !isLoginId(id))];
      const keys = ofKeys.length === 0 ? [] : await store.find(ofKeys);
      return ofLogins.length === 0 ? keys : [...keys, ...(await logins.find(ofLogins))];
    };
    this.#handlers = {
      'keys.find': async ({ ids }) => {
        const keys = await find(ids);
        return { keys: operators === 'some' ? keys : keys.map(withoutOperating) };
      },
      'tokens.check': async ({ token }) => ({ record: (await issuer?.check(token)) ?? null }),
      'logins.create': async ({ keyId, replaces }) => ({
        made: await logins.create(keyId, replaces),
      }),
      'logins.delete': async ({ id }) => {
        await store.logins.remove(id);
        return {};
      },
      'keys.used': async ({ ids }) => {
        await store.used(ids);
        return {};
      },
      'keys.list': async ({ tenant, ...page }) => ({ records: await store.list(tenant, page) }),
      'keys.get': async ({ id, tenant }) => ({ record: await store.get(id, tenant) }),
      'keys.create': async (right) => this.#create(right),
      'keys.delete': async ({ id }) => ({ deleted: await store.remove(id) }),
      'keys.rotate': async ({ id, overlapMs }) => this.#rotate(id, overlapMs),
      'tenants.create': async ({ name, quotas }) => ({
        record: await store.addTenant(name, quotas),
      }),
      'tenants.patch': async ({ name, quotas }) => ({
        record: await store.patchTenant(name, quotas),
      }),
      'tenants.list': async (page) => ({ records: await store.listTenants(page) }),
      'tenants.delete': async ({ name }) => {
        await store.removeTenant(name);
        return {};
      },
      'audit.add': async ({ entries }) => {
        await audit.add(entries);
        return {};
      },
      'audit.list': async (asked) => ({ records: await this.#audited(asked) }),
      'quotas.lease': (ask) => leases.lease(ask),
    };
  }

  /** For a port (thread/pool-port.ts). Rejects with bugs only. */
  async answer(ask: DirectoryAsk): Promise<PoolResult> {
    try {
      return await answerAsk(this.#handlers, ask);
    } catch (error) {
      return directoryFailure(error);
    }
  }

  /** A key of a tenant that has none; null: it has, or had one that is shown nowhere again. */
  async createFirst(right: KeyRight): Promise<string | null> {
    const { added, text } = newKey(right);
    return (await this.#store.addFirst(added)) === null ? null : text;
  }

  async hasKeys(): Promise<boolean> {
    return (await this.#store.list(null, { after: '', limit: 1 })).length > 0;
  }

  /** What tokens are sealed with. */
  tokenSecret(): Promise<Uint8Array> {
    return this.#store.tokenSecret();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#store.close(), this.#audit.close(), this.#leases.close()]);
  }

  async #audited({ tenant, lives, ...page }: DirectoryArgs<'audit.list'>): Promise<AuditRecord[]> {
    const isOfThis = tenant !== null && lives === 'this';
    const sinceMs = isOfThis ? await this.#store.tenantSince(tenant) : null;
    if (isOfThis && sinceMs === null) return [];
    return this.#audit.list(tenant, { ...page, sinceMs });
  }

  async #create(right: KeyRight): Promise<{ record: KeyRecord; key: string }> {
    const { added, text } = newKey(right);
    return { record: await this.#store.add(added), key: text };
  }

  async #rotate(id: string, overlapMs: number): Promise<{ record: KeyRecord; key: string }> {
    const old = await this.#store.get(id, null);
    if (old === null) throw keyNotFound();
    const { added, text } = newKey(old);
    return { record: await this.#store.replace(id, added, overlapMs), key: text };
  }
}

function newKey({ tenant, scopes, topics, expiresAtMs }: KeyRight): {
  added: NewKey;
  text: string;
} {
  const { id, text } = makeApiKey();
  return { added: { id, digest: digestOf(text), tenant, scopes, topics, expiresAtMs }, text };
}

function withoutOperating(key: FoundKey): FoundKey {
  return { ...key, scopes: key.scopes.filter((scope) => scope !== 'operate') };
}
