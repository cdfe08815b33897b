/**
 * The encoding that a database keeps its texts in. Any but UTF8 refuses some of what clients send, or, as
 * SQL_ASCII, does not know what it keeps: such a database is not used.
 */
import type { Queryable } from './queryable.js';

export async function serverEncoding(db: Queryable): Promise<string> {
  const { rows } = await db.query<{ server_encoding: string }>('SHOW server_encoding');
  return rows[0]?.server_encoding ?? '';
}

/** Null for UTF8; else one line for the operator. */
export function wrongEncoding(encoding: string): string | null {
  if (encoding === 'UTF8') return null;
  return (
    `DATABASE_URL: the encoding of the database is ${encoding}, which cannot hold every text: ` +
    'UTF8 is needed (createdb --encoding=UTF8 --template=template0)'
  );
}
