/**
 * The rows of a topic on their way from one database to another: which tables have them, in which order they
 * go, and how some of them are carried over in one piece, byte for byte. Keeps no state.
 */
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { copyIn } from '../append/append-copy.js';
import type { Queryable } from '../session/queryable.js';
import { makeLeavesOf } from '../upkeep/partitions.js';

/** Messages that are carried together, give or take a row's bytes. */
const PAGE_ROWS_MAX = 5_000;
const PAGE_BYTES_MAX = 8 * 1024 * 1024;
/** Header and trailer of COPY's binary format, without a row. */
const EMPTY_BYTES = 21;
/** Rows of another table: of those with a payload few are as large as a whole page. */
const ROWS_MAX = 2_000;
const LARGE_ROWS_MAX = 200;

/** Whole columns of a table, by name, so that their order in either database is nobody's business. */
const COLUMNS_SQL = `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns
  FROM pg_attribute WHERE attrelid = to_regclass('conduit.' || $1) AND attnum > 0
    AND NOT attisdropped AND attgenerated = ''`;

const OF_TOPIC = 'topic_id = $topic';
const OF_SUBSCRIPTION =
  'subscription_id IN (SELECT id FROM conduit.subscriptions WHERE topic_id = $topic)';

interface MovedTable {
  table: string;
  where: string;
  rows: number;
}

/** What belongs to a subscription before it: by then nobody finds it any more. */
const TABLES: readonly MovedTable[] = [
  { table: 'cursors', where: OF_SUBSCRIPTION, rows: ROWS_MAX },
  { table: 'deliveries', where: OF_SUBSCRIPTION, rows: ROWS_MAX },
  { table: 'subscriptions', where: OF_TOPIC, rows: ROWS_MAX },
  { table: 'dead_letters', where: OF_TOPIC, rows: LARGE_ROWS_MAX },
  { table: 'delivery_history', where: OF_TOPIC, rows: ROWS_MAX },
  { table: 'publish_dedupe', where: OF_TOPIC, rows: ROWS_MAX },
  { table: 'outbox', where: OF_TOPIC, rows: LARGE_ROWS_MAX },
  { table: 'outbox_releases', where: OF_TOPIC, rows: ROWS_MAX },
];

/** The end of a page of messages, and the UTC days that its rows are of. */
const PAGE_SQL = `SELECT max(sequence) AS last,
    array_agg(DISTINCT (published_at AT TIME ZONE 'UTC')::date::text) AS days
  FROM (SELECT sequence, published_at, sum(octet_length(payload)) OVER (ORDER BY sequence)
      - octet_length(payload) AS before
    FROM conduit.messages WHERE topic_id = $1::bigint
      AND sequence BETWEEN $2::bigint AND least($3::bigint, $2::bigint + ${PAGE_ROWS_MAX - 1})) m
  WHERE before < ${PAGE_BYTES_MAX}`;

/** Where a hole in the log ends. */
const NEXT_SQL = `SELECT min(sequence) AS next FROM conduit.messages
  WHERE topic_id = $1::bigint AND sequence BETWEEN $2::bigint AND $3::bigint`;

const FIRST_SQL = 'SELECT min(sequence) AS first FROM conduit.messages WHERE topic_id = $1::bigint';
const CLEAR_SQL = `DELETE FROM conduit.messages WHERE topic_id = $1::bigint
  AND sequence BETWEEN $2::bigint AND $2::bigint + ${PAGE_ROWS_MAX - 1}`;

export interface Sides {
  from: pg.Client;
  to: pg.Client;
}

/** Messages `first` to `last`, page by page; each is committed by itself where `to` has none open. */
export async function copyMessages(
  { from, to }: Sides,
  topicId: number,
  { first, last, isWanted }: { first: number; last: number; isWanted: () => void },
): Promise<void> {
  const columns = await columnsOf(from, 'messages');
  for (let at = first; at <= last; ) {
    isWanted();
    const { rows } = await from.query<{ last: string | null; days: string[] | null }>(PAGE_SQL, [
      topicId,
      at,
      last,
    ]);
    const [page] = rows;
    if (page?.last == null) {
      const next = await from.query<{ next: string | null }>(NEXT_SQL, [topicId, at, last]);
      const to = next.rows[0]?.next;
      if (to == null) return;
      at = Number(to);
      continue;
    }
    await makeLeavesOf(to, page.days ?? []);
    const rest = `topic_id = ${topicId} AND sequence BETWEEN ${at} AND ${page.last}`;
    const sql = `SELECT ${columns} FROM conduit.messages WHERE ${rest} ORDER BY sequence`;
    const bytes = (await copyOut(from, sql)) ?? Buffer.alloc(0);
    await copyIn(to, `COPY conduit.messages (${columns}) FROM STDIN (FORMAT binary)`, bytes);
    at = Number(page.last) + 1;
  }
}

/** All that a topic has beside its messages: it leaves the one as it enters the other. */
export async function moveRows({ from, to }: Sides, topicId: number): Promise<void> {
  for (const { table, where, rows } of TABLES) {
    const columns = await columnsOf(from, table);
    const sql = `${deleteSql({ table, where, rows }, topicId)} RETURNING ${columns}`;
    while (await hasRows(from, { table, where, rows }, topicId)) {
      const bytes = await copyOut(from, sql);
      // None: somebody changed them at the same moment, and they are found by the next statement.
      if (bytes === null) continue;
      await copyIn(to, `COPY conduit.${table} (${columns}) FROM STDIN (FORMAT binary)`, bytes);
    }
  }
}

/**
 * Rows of the outbox that came when the topic had moved: what has a dedupe key that is taken by now repeats
 * another one. `to` remembers for minutes what it has released, so that nothing is brought twice.
 */
export async function moveOutbox(
  { from, to }: Sides,
  topicId: number,
): Promise<'brought' | 'none'> {
  const columns = await columnsOf(from, 'outbox');
  const few = { table: 'outbox', where: OF_TOPIC, rows: LARGE_ROWS_MAX };
  const bytes = await copyOut(from, `${deleteSql(few, topicId)} RETURNING ${columns}`);
  if (bytes === null) return 'none';
  await to.query('CREATE TEMP TABLE late (LIKE conduit.outbox) ON COMMIT DROP');
  await copyIn(to, `COPY pg_temp.late (${columns}) FROM STDIN (FORMAT binary)`, bytes);
  await to.query(
    `INSERT INTO conduit.outbox (${columns}) SELECT ${columns} FROM pg_temp.late l
     WHERE NOT EXISTS (SELECT FROM conduit.outbox_releases r
       WHERE r.topic_id = ${topicId} AND l.id = ANY (r.ids))
     ON CONFLICT DO NOTHING`,
  );
  return 'brought';
}

/** What an earlier move has left of a topic that does not live in this database, all of it. */
export async function clearRows(db: Queryable, topicId: number): Promise<void> {
  for (const table of TABLES) {
    for (let left = table.rows; left === table.rows; ) {
      left = (await db.query(deleteSql(table, topicId))).rowCount ?? 0;
    }
  }
  for (;;) {
    const { rows } = await db.query<{ first: string | null }>(FIRST_SQL, [topicId]);
    const first = rows[0]?.first;
    if (first == null) break;
    await db.query(CLEAR_SQL, [topicId, first]);
  }
  await db.query('DELETE FROM conduit.moved_epochs WHERE topic_id = $1', [topicId]);
}

async function hasRows(db: Queryable, { table, where }: MovedTable, id: number): Promise<boolean> {
  const sql = `SELECT FROM conduit.${table} WHERE ${ofTopic(where, id)} LIMIT 1`;
  return (await db.query(sql)).rowCount === 1;
}

function deleteSql({ table, where, rows }: MovedTable, topicId: number): string {
  const these = ofTopic(where, topicId);
  return `DELETE FROM conduit.${table} WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM conduit.${table} WHERE ${these} LIMIT ${rows}))`;
}

function ofTopic(where: string, topicId: number): string {
  return where.replace('$topic', String(Math.trunc(topicId)));
}

async function columnsOf(db: Queryable, table: string): Promise<string> {
  const { rows } = await db.query<{ columns: string }>(COLUMNS_SQL, [table]);
  return rows[0]?.columns ?? '';
}

/** What a statement gives, in the form that COPY takes; null: nothing. */
function copyOut(client: pg.Client, sql: string): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const stream = client.query(copyTo(`COPY (${sql}) TO STDOUT (FORMAT binary)`));
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('error', reject);
    stream.on('end', () => {
      const bytes = Buffer.concat(parts);
      resolve(bytes.length > EMPTY_BYTES ? bytes : null);
    });
  });
}
