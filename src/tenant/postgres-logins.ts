/** Logins in PostgreSQL, on the connections of whoever keeps the keys. */
import type { Limits } from '../core/limits.js';
import type { KeptPool } from '../log/postgres/session/kept-pool.js';
import { inTransaction } from '../log/postgres/session/transaction.js';
import { loginOver } from './key-refusal.js';
import {
  ADD_LOGIN_SQL,
  END_LOGIN_SQL,
  FIND_LOGINS_SQL,
  LOCK_LOGIN_SQL,
  LOCK_ROOT_SQL,
  type LoginRow,
  loginOf,
  REMOVE_ROOT_SQL,
  TRIM_LOGINS_SQL,
} from './login-rows.js';
import { type FoundLogin, type LoginStore, type NewLogin, REPLACED_MS } from './login-store.js';

export interface PostgresLoginsOptions {
  /** Of those who come with one. */
  finding: KeptPool;
  /** Of those who change something. */
  changing: KeptPool;
  limits: Pick<Limits, 'loginsPerKeyMax'>;
}

export class PostgresLogins implements LoginStore {
  readonly #options: PostgresLoginsOptions;

  constructor(options: PostgresLoginsOptions) {
    this.#options = options;
  }

  async find(ids: readonly string[]): Promise<FoundLogin[]> {
    const { rows } = await this.#options.finding.query<LoginRow>(FIND_LOGINS_SQL, [ids]);
    return rows.map(loginOf);
  }

  async add({ id, digest, of, lifeMs, replaces }: NewLogin): Promise<number | null> {
    const { changing, limits } = this.#options;
    const [keyId, variable, proof] =
      'variable' in of ? [null, of.variable, of.proof] : [of.keyId, null, null];
    return inTransaction(changing, async (db) => {
      if (replaces !== null) {
        const before = await db.query<{ left_ms: string }>(LOCK_LOGIN_SQL, [replaces]);
        if (before.rows[0] === undefined) throw loginOver();
        if (Number(before.rows[0].left_ms) <= REPLACED_MS) return null;
      }
      const { rows } = await db.query<{ left_ms: string }>(ADD_LOGIN_SQL, [
        ...[id, digest, keyId, variable, proof, lifeMs, replaces],
      ]);
      if (rows[0] === undefined) throw loginOver();
      if (replaces !== null) await db.query(END_LOGIN_SQL, [replaces, REPLACED_MS]);
      await db.query(TRIM_LOGINS_SQL, [keyId, variable, limits.loginsPerKeyMax]);
      return Number(rows[0].left_ms);
    });
  }

  async remove(id: string): Promise<void> {
    await inTransaction(this.#options.changing, async (db) => {
      await db.query(LOCK_ROOT_SQL, [id]);
      await db.query(REMOVE_ROOT_SQL, [id]);
    });
  }
}
