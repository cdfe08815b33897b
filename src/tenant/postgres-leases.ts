/**
 * Leases of quotas from PostgreSQL, on a connection of the main thread: one statement for all rates that an
 * acceptor asks for, one transaction for all that it holds.
 */
import type { Clock } from '../core/clock.js';
import {
  type CountAsk,
  HELD_MS,
  type LeaseAnswer,
  type LeaseAsk,
  type RateAsk,
} from '../core/quota-lease.js';
import type { Tenant } from '../core/topic-key.js';
import { KEY_CONNECTIONS } from '../log/postgres/session/connection-budget.js';
import type { KeptPool } from '../log/postgres/session/kept-pool.js';
import { openPool } from '../log/postgres/session/log-connection.js';
import { GRANT_SQL, type LeaseRow } from '../log/postgres/session/quota-tokens.js';
import { inTransaction } from '../log/postgres/session/transaction.js';
import { HOLD_SQL, HOLDERS_TURN_SQL, PURGE_BUDGETS_SQL, PURGE_HOLDINGS_SQL } from './lease-rows.js';
import type { LeaseStore } from './lease-store.js';

const PURGE_MS = 60_000;

export interface PostgresLeasesOptions {
  databaseUrl: string;
  applicationName: string;
  clock: Clock;
}

export class PostgresLeases implements LeaseStore {
  readonly #clock: Clock;
  readonly #pool: KeptPool;
  /** Monotonic ms. */
  #purgedAtMs: number;

  constructor({ databaseUrl, applicationName, clock }: PostgresLeasesOptions) {
    this.#clock = clock;
    this.#pool = openPool({ databaseUrl, applicationName }, KEY_CONNECTIONS.lease);
    this.#purgedAtMs = clock.monotonic();
  }

  async lease({ holder, rates, counts }: LeaseAsk): Promise<LeaseAnswer> {
    const granted = rates.length === 0 ? [] : await this.#grant(rates);
    const held = counts.length === 0 ? [] : await this.#hold(holder, counts);
    await this.#purge();
    return { granted, held };
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #grant(rates: readonly RateAsk[]): Promise<number[]> {
    const { rows } = await this.#pool.query<LeaseRow>(GRANT_SQL, [
      rates.map(({ tenant }) => tenant),
      rates.map(({ rate }) => rate),
      rates.map(({ perS }) => perS),
      rates.map(({ wanted }) => wanted),
    ]);
    const given = givenIn(rows);
    return rates.map(({ tenant, rate }) => given(tenant, rate));
  }

  #hold(holder: string, counts: readonly CountAsk[]): Promise<number[]> {
    const places = [counts.map(({ tenant }) => tenant), counts.map(({ counted }) => counted)];
    return inTransaction(this.#pool, async (db) => {
      await db.query(HOLDERS_TURN_SQL, places);
      const { rows } = await db.query<LeaseRow>(HOLD_SQL, [
        ...[holder, ...places],
        ...[counts.map(({ used }) => used), counts.map(({ max }) => max), HELD_MS],
      ]);
      const given = givenIn(rows);
      return counts.map(({ tenant, counted }) => given(tenant, counted));
    });
  }

  /** Once a minute, of all that any node has left. */
  async #purge(): Promise<void> {
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#purgedAtMs < PURGE_MS) return;
    this.#purgedAtMs = nowMs;
    await this.#pool.query(PURGE_BUDGETS_SQL);
    await this.#pool.query(PURGE_HOLDINGS_SQL);
  }
}

function givenIn(rows: readonly LeaseRow[]): (tenant: Tenant, name: string) => number {
  const byPlace = new Map(rows.map(({ tenant, name, given }) => [`${tenant} ${name}`, given]));
  return (tenant, name) => Number(byPlace.get(`${tenant} ${name}`) ?? 0);
}
