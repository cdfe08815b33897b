/**
 * What PostgreSQL refuses of a save for what is in it (SQLSTATE class 22, or a constraint's 21 and 23): the
 * refused rows are found by halves, each half behind a savepoint, and stored without their texts. So one
 * subscriber's text costs itself and nothing else of the transaction.
 */
import pg from 'pg';
import { LOG_REFUSALS, refusalError } from '../../contract/log-refusal.js';
import type { Queryable } from '../session/queryable.js';

/** Stands where a text stood that PostgreSQL refused. */
export const REFUSED_TEXT = '(refused)';
/** 9999-12-31T23:59:59.999Z: within the range of timestamptz and of Date. */
const TIME_MS_MAX = 253_402_300_799_999;

/** How rows of one kind are stored: `store` by statements that a half of the rows can have, too. */
export interface RowKind<T> {
  store: (rows: readonly T[]) => Promise<void>;
  /** The row without what PostgreSQL can refuse. */
  plain: (row: T) => T;
  /** When even that is refused: left out, or the whole save is. */
  otherwise: 'left out' | 'refused';
}

export type StoreRows = <T>(rows: readonly T[], kind: RowKind<T>) => Promise<void>;

/** Whether it would be refused again, however often it is tried. */
export function isRefusal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^2[123]/.test(error.code ?? '');
}

/** Rejects `message_refused` for what would be refused again: whoever asked must not try it for ever. */
export async function orRefused<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw isRefusal(error) ? refusalError(LOG_REFUSALS.message, error) : error;
  }
}

/** All rows as they are, at once. */
export const storeTogether: StoreRows = (rows, kind) => kind.store(rows);

/** Stores what it can. Whoever uses it holds a transaction. */
export class RefusedData {
  /** Rows that were stored without their texts, or left out. */
  rows = 0;
  /** What PostgreSQL said of one of them. */
  error: unknown = null;
  readonly #session: Queryable;

  constructor(session: Queryable) {
    this.#session = session;
  }

  readonly storeRows: StoreRows = async (rows, kind) => {
    const refused = await this.#try(() => kind.store(rows));
    if (refused === null) return;
    if (rows.length > 1) {
      const half = rows.length >> 1;
      await this.storeRows(rows.slice(0, half), kind);
      await this.storeRows(rows.slice(half), kind);
      return;
    }
    this.rows++;
    this.error = refused;
    const stillRefused = await this.#try(() => kind.store(rows.map(kind.plain)));
    if (stillRefused !== null && kind.otherwise === 'refused') throw stillRefused;
  };

  /** What PostgreSQL said when it refused `work` as data; then nothing of it is there. */
  async #try(work: () => Promise<void>): Promise<unknown> {
    const session = this.#session;
    await session.query('SAVEPOINT apart');
    try {
      await work();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await session.query('ROLLBACK TO SAVEPOINT apart');
      await session.query('RELEASE SAVEPOINT apart');
      return error;
    }
    await session.query('RELEASE SAVEPOINT apart');
    return null;
  }
}

/** In place of a text that PostgreSQL refused. */
export function withoutText(text: string | null): string | null {
  return text === null ? null : REFUSED_TEXT;
}

/** Unix ms as timestamptz and Date can hold them. */
export function withinTime(ms: number): number {
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), TIME_MS_MAX);
}
