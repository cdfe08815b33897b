/**
 * A pool that tells what statements cost: the pages that each of them looks at, which unlike a time are the
 * same on every machine. A measured statement is run twice, the first time explained and taken back. Those
 * of a transaction count when the pool has one session.
 */
import type pg from 'pg';
import type { LentSession, SessionPool } from '../../../src/log/postgres/session/lent-session.js';
import type { Queryable } from '../../../src/log/postgres/session/queryable.js';

interface Explained {
  'QUERY PLAN': [{ Plan: { 'Shared Hit Blocks': number; 'Shared Read Blocks': number } }];
}

const AROUND = {
  statement: ['BEGIN', 'ROLLBACK'],
  transaction: ['SAVEPOINT measured', 'ROLLBACK TO measured'],
} as const;

export class MeasuredPool implements SessionPool {
  readonly #pool: pg.Pool;
  #pages = 0;
  #within: keyof typeof AROUND = 'statement';
  #state: 'measures' | 'passes on' = 'passes on';

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async query<R extends pg.QueryResultRow>(
    ...[statement, values]: Parameters<Queryable['query']>
  ): Promise<pg.QueryResult<R>> {
    if (this.#state === 'measures') {
      await this.#explain(typeof statement === 'string' ? statement : statement.text, values);
    }
    return this.#pool.query<R>(statement, values);
  }

  connect(): Promise<LentSession> {
    return this.#pool.connect();
  }

  /** Pages that the statements of `work` look at. */
  async pagesOf(work: () => Promise<unknown>): Promise<number> {
    this.#pages = 0;
    this.#state = 'measures';
    await work();
    this.#state = 'passes on';
    return this.#pages;
  }

  async #explain(text: string, values?: unknown[]): Promise<void> {
    if (/^BEGIN/.test(text)) this.#within = 'transaction';
    if (/^(COMMIT|ROLLBACK)/.test(text)) this.#within = 'statement';
    if (!/^(SELECT|WITH|INSERT|UPDATE|DELETE)/.test(text)) return;
    const session = await this.#pool.connect();
    const [begin, end] = AROUND[this.#within];
    await session.query(begin);
    const sql = `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`;
    const { rows } = await session.query<Explained>(sql, values);
    await session.query(end);
    session.release();
    const plan = rows[0]?.['QUERY PLAN'][0].Plan;
    this.#pages += (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0);
  }
}
