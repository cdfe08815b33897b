/**
 * Tenants and API keys in PostgreSQL, on connections of the main thread. A trigger tells every node of a key
 * that changed, whoever changed it; this node listens on one of them.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.js';
import type { FoundKey, KeyRecord, TenantRecord } from '../core/key-record.js';
import type { Limits } from '../core/limits.js';
import type { QuotaChanges, TenantQuotas } from '../core/quotas.js';
import { TOKEN_SECRET_BYTES } from '../core/token.js';
import type { Tenant } from '../core/topic-key.js';
import { KEY_CONNECTIONS } from '../log/postgres/session/connection-budget.js';
import type { KeptPool } from '../log/postgres/session/kept-pool.js';
import { LISTEN_ANSWER_MS, Listener } from '../log/postgres/session/listener.js';
import { openConnection, openPool } from '../log/postgres/session/log-connection.js';
import type { Queryable } from '../log/postgres/session/queryable.js';
import { inTransaction } from '../log/postgres/session/transaction.js';
import { snakeMembers } from '../wire/snake-case.js';
import {
  alreadyOver,
  EXPIRED_KEPT_MS,
  keyLimit,
  keyNotFound,
  tenantExists,
  tenantInUse,
  tenantLimit,
  tenantNotFound,
} from './key-refusal.js';
import {
  ADD_SQL,
  ADD_TENANT_SQL,
  BURY_TENANT_SQL,
  COUNT_SQL,
  END_SQL,
  FIND_SQL,
  type FoundRow,
  foundOf,
  GET_SQL,
  GET_TENANT_SQL,
  HAS_TOPICS_SQL,
  type KeyRow,
  LIST_SQL,
  LIST_TENANTS_SQL,
  LOCK_TENANT_SQL,
  LOCK_WHOLE_TENANT_SQL,
  MAKE_SECRET_SQL,
  PATCH_TENANT_SQL,
  PURGE_SQL,
  PURGE_TENANTS_SQL,
  QUOTAS_SQL,
  REMOVE_KEYS_SQL,
  recordOf,
  SECRET_SQL,
  type TenantRow,
  tenantOf,
  USED_SQL,
} from './key-rows.js';
import type { KeyPage, KeyStore, NewKey } from './key-store.js';
import { PostgresLogins } from './postgres-logins.js';

/** NOTIFY channel: the payload is the id of a key, or a login, that is other than it was, or gone. */
const CHANNEL = 'conduit_keys';
/** Quotas of some tenant are. */
const QUOTAS_CHANNEL = 'conduit_quotas';

export interface PostgresKeysOptions {
  databaseUrl: string;
  applicationName: string;
  clock: Clock;
  limits: Pick<Limits, 'keysPerTenantMax' | 'tenantsMax' | 'loginsPerKeyMax'>;
  /** Null: any may have changed, nobody listened. */
  onChanged: (ids: readonly string[] | null) => void;
  /** Quotas of some tenant changed, or may have, nobody having listened. */
  onQuotas: () => void;
  /** For the operator: the session that listens is away. */
  onDeaf: (detail: string) => void;
}

export class PostgresKeys implements KeyStore {
  readonly logins: PostgresLogins;
  readonly #options: PostgresKeysOptions;
  readonly #finding: KeptPool;
  readonly #pool: KeptPool;
  readonly #listener: Listener;

  constructor(options: PostgresKeysOptions) {
    this.#options = options;
    const { databaseUrl, applicationName, clock, onChanged, onQuotas } = options;
    const session = { databaseUrl, applicationName };
    this.#finding = openPool(session, KEY_CONNECTIONS.find);
    this.#pool = openPool(session, KEY_CONNECTIONS.manage);
    const pools = { finding: this.#finding, changing: this.#pool };
    this.logins = new PostgresLogins({ ...pools, limits: options.limits });
    const listening = { ...session, answerMs: LISTEN_ANSWER_MS };
    this.#listener = new Listener({
      open: (onLost) => openConnection(listening, onLost),
      channels: [CHANNEL, QUOTAS_CHANNEL],
      clock,
      onNotification: (channel, id) => {
        if (channel === QUOTAS_CHANNEL) onQuotas();
        else onChanged(id === undefined ? null : [id]);
      },
      // What came before this node listened it has not looked up, or will be told again.
      onListening: () => {
        onChanged(null);
        onQuotas();
      },
      onDown: options.onDeaf,
    });
    this.#listener.start();
  }

  async find(ids: readonly string[]): Promise<FoundKey[]> {
    const { rows } = await this.#finding.query<FoundRow>(FIND_SQL, [ids]);
    return rows.map(foundOf);
  }

  async get(id: string, tenant: Tenant | null): Promise<KeyRecord | null> {
    const { rows } = await this.#pool.query<KeyRow>(GET_SQL, [id, tenant]);
    return rows[0] === undefined ? null : recordOf(rows[0]);
  }

  async list(tenant: Tenant | null, { after, limit }: KeyPage): Promise<KeyRecord[]> {
    const { rows } = await this.#pool.query<KeyRow>(LIST_SQL, [tenant, after, limit]);
    return rows.map(recordOf);
  }

  async add(key: NewKey): Promise<KeyRecord> {
    return inTransaction(this.#pool, async (db) => {
      const tenantId = await lockTenant(db, key.tenant);
      return this.#add(db, key, tenantId);
    });
  }

  async addFirst(key: NewKey): Promise<KeyRecord | null> {
    return inTransaction(this.#pool, async (db) => {
      const tenantId = await lockTenant(db, key.tenant);
      const { rows } = await db.query<{ keys: number }>(COUNT_SQL, [tenantId]);
      return rows[0]?.keys === 0 ? this.#add(db, key, tenantId) : null;
    });
  }

  async replace(id: string, key: NewKey, overlapMs: number): Promise<KeyRecord> {
    return inTransaction(this.#pool, async (db) => {
      const tenantId = await lockTenant(db, key.tenant);
      const { rowCount } = await db.query(END_SQL, [id, overlapMs]);
      if (rowCount !== 1) throw keyNotFound();
      return this.#add(db, key, tenantId);
    });
  }

  async remove(id: string): Promise<boolean> {
    const { rowCount } = await this.#pool.query('DELETE FROM conduit.api_keys WHERE id = $1', [id]);
    return rowCount === 1;
  }

  async tokenSecret(): Promise<Buffer> {
    const read = (): Promise<{ rows: { secret: string }[] }> =>
      this.#pool.query<{ secret: string }>(SECRET_SQL);
    let { rows } = await read();
    if (rows.length === 0) {
      await this.#pool.query(MAKE_SECRET_SQL, [randomBytes(TOKEN_SECRET_BYTES)]);
      // That of another node, when both made one.
      ({ rows } = await read());
    }
    const secret = Buffer.from(rows[0]?.secret ?? '', 'hex');
    // Else tokens would be sealed with what anybody knows.
    if (secret.length !== TOKEN_SECRET_BYTES) {
      throw new Error('conduit.token_secret has no row, or none of its length');
    }
    return secret;
  }

  async used(ids: readonly string[]): Promise<void> {
    await this.#pool.query(USED_SQL, [ids]);
  }

  async addTenant(name: Tenant, quotas: QuotaChanges): Promise<TenantRecord> {
    const { tenantsMax } = this.#options.limits;
    const values = [name, tenantsMax, snakeMembers(quotas)];
    const { rows } = await this.#pool.query<TenantRow>(ADD_TENANT_SQL, values);
    if (rows[0] !== undefined) return tenantOf(rows[0]);
    const there = await this.#pool.query('SELECT FROM conduit.tenants WHERE name = $1', [name]);
    throw there.rowCount === 0 ? tenantLimit(tenantsMax) : tenantExists(name);
  }

  async listTenants({ after, limit }: KeyPage): Promise<TenantRecord[]> {
    const { rows } = await this.#pool.query<TenantRow>(LIST_TENANTS_SQL, [after, limit]);
    return rows.map(tenantOf);
  }

  async tenantSince(name: Tenant): Promise<number | null> {
    const { rows } = await this.#pool.query<TenantRow>(GET_TENANT_SQL, [name]);
    return rows[0] === undefined ? null : tenantOf(rows[0]).createdAtMs;
  }

  async patchTenant(name: Tenant, quotas: QuotaChanges): Promise<TenantRecord> {
    const values = [name, snakeMembers(quotas)];
    const { rows } = await this.#pool.query<TenantRow>(PATCH_TENANT_SQL, values);
    if (rows[0] === undefined) throw tenantNotFound();
    return tenantOf(rows[0]);
  }

  async quotas(): Promise<TenantQuotas[]> {
    const { rows } = await this.#finding.query<TenantRow>(QUOTAS_SQL);
    return rows.map(tenantOf).map(({ name: tenant, quotas }) => ({ tenant, quotas }));
  }

  async removeTenant(name: Tenant): Promise<void> {
    await inTransaction(this.#pool, async (db) => {
      const { rows } = await db.query<{ id: string }>(LOCK_WHOLE_TENANT_SQL, [name]);
      const [tenant] = rows;
      if (tenant === undefined) throw tenantNotFound();
      const topics = await db.query<{ has_topics: boolean }>(HAS_TOPICS_SQL, [tenant.id]);
      if (topics.rows[0]?.has_topics !== false) throw tenantInUse(name);
      await db.query(REMOVE_KEYS_SQL, [tenant.id]);
      await db.query(BURY_TENANT_SQL, [tenant.id]);
      await db.query(PURGE_TENANTS_SQL);
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#listener.close(), this.#finding.end(), this.#pool.end()]);
  }

  async #add(db: Queryable, key: NewKey, tenantId: string): Promise<KeyRecord> {
    const { keysPerTenantMax } = this.#options.limits;
    await db.query(PURGE_SQL, [tenantId, EXPIRED_KEPT_MS]);
    const count = await db.query<{ keys: number }>(COUNT_SQL, [tenantId]);
    if ((count.rows[0]?.keys ?? 0) >= keysPerTenantMax) throw keyLimit(keysPerTenantMax);
    const { id, digest, scopes, topics, expiresAtMs } = key;
    const { rows } = await db.query<KeyRow & { is_living: boolean }>(ADD_SQL, [
      ...[id, tenantId, digest, scopes, topics, expiresAtMs],
    ]);
    const [row] = rows;
    if (row?.is_living !== true) throw alreadyOver();
    return recordOf(row);
  }
}

/** Its id, held until the transaction ends. */
async function lockTenant(db: Queryable, name: Tenant): Promise<string> {
  const { rows } = await db.query<{ id: string }>(LOCK_TENANT_SQL, [name]);
  if (rows[0] === undefined) throw tenantNotFound();
  return rows[0].id;
}
