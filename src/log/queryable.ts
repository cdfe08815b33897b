/**
 * The little of pg that the stores need: a Pool, a Client and a PoolClient all are one. Stores
 * never open a connection themselves, and pass PostgreSQL's errors on as they are: postgres-log.ts
 * says what they mean to a caller.
 */
import type { QueryResultRow } from 'pg';

/** Planned once a session. With `binary` values come as bytes, for `types` to parse. */
export interface PreparedStatement {
  name: string;
  text: string;
  binary?: boolean;
  types?: { getTypeParser: () => (value: unknown) => unknown };
}

export interface Queryable {
  query<R extends QueryResultRow>(
    statement: string | PreparedStatement,
    values?: unknown[],
  ): Promise<{ rows: R[]; rowCount: number | null }>;
}
