/**
 * The little of pg that the stores need: a Pool, a Client and a PoolClient all are one. Stores
 * never open a connection themselves, and pass PostgreSQL's errors on as they are: postgres-log.ts
 * says what they mean to a caller.
 */
import type { QueryResultRow } from 'pg';

export interface Queryable {
  query<R extends QueryResultRow>(
    /** With a name it is planned once a session. */
    statement: string | { name: string; text: string },
    values?: unknown[],
  ): Promise<{ rows: R[]; rowCount: number | null }>;
}
