/**
 * Moves topics between databases. Messages that are there are copied while the topic goes on; then its row is
 * held, the rest follows in one transaction of the other database, and the commit that gives the row up is
 * the move. What is left to do after it anybody can do, who finds `arriving_from`. Keeps no state.
 *
 *   copied     target: messages without a row of the topic    crash: nobody sees them
 *   arriving   target: all of it, hidden                      crash: it lives in the source, these go
 *   moved      source: `moved_to`, or `place` in the first    crash: it lives in the target, which is told
 *   arrived    first: place; target: a topic as any other
 */
import { RequestError } from '../../../core/errors.js';
import { tenantOf } from '../../../core/topic-key.js';
import { faultOf } from '../../contract/log-errors.js';
import { LOG_REFUSALS, LOG_UNREACHABLE, refusalError } from '../../contract/log-refusal.js';
import type { TopicMover, WantedMove } from '../../contract/topic-mover.js';
import { commonUpTo } from '../session/incarnation.js';
import { livingHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';
import { keepTenant } from '../store/placed-rows.js';
import { TOPICS_CHANNEL } from '../store/topic-store.js';
import { MoveSession } from './move-session.js';
import { clearRows, copyMessages, moveOutbox, moveRows, type Sides } from './moved-rows.js';

/** So many messages, at most, are left for when the topic is held. */
const LEFT_MAX = 500;
/** A topic that grows faster than it is copied is held with what is left then. */
const ROUNDS_MAX = 20;
/** Until the appends of other sessions let go of the topic. */
const HOLD_MS = 5_000;
/** So long a topic may be held. */
const HELD_MS_MAX = 30_000;
const TOO_LONG = 'the connection ended: a move held its topic for too long';

const BOUNDS_SQL = `SELECT t.first_sequence AS first, h.sequence AS last FROM conduit.topics t
  JOIN conduit.topic_heads(ARRAY[$1::bigint]) h ON h.topic_id = t.id
  WHERE t.id = $1 AND ${livingHere('t')}`;

const HOLD_SQL = `SELECT 1 FROM conduit.topics WHERE id = $1 AND ${livingHere()} FOR UPDATE`;

/** Saves that are under way are over by then, and see that it is gone. */
const HOLD_SUBSCRIPTIONS_SQL = `SELECT 1 FROM conduit.subscriptions WHERE topic_id = $1
  ORDER BY id FOR UPDATE`;

const ROW_SQL = `SELECT t.tenant_id, t.name, t.first_sequence, t.gone_bytes, t.created_at::text,
    t.retention_hours, t.retention_messages, t.retention_bytes, h.sequence AS head,
    h.published_at::text AS published_at, h.bytes + t.gone_bytes AS bytes
  FROM conduit.topics t JOIN conduit.topic_heads(ARRAY[$1::bigint]) h ON h.topic_id = t.id
  WHERE t.id = $1`;

/** $2 to $11: as ROW_SQL has it. The day of its newest row is found by its first append. */
const FILL_SQL = `UPDATE conduit.topics SET base_sequence = $2, first_sequence = $3, base_bytes = $4,
    gone_bytes = $5, base_published_at = $6::timestamptz, created_at = $7::timestamptz,
    retention_hours = $8, retention_messages = $9, retention_bytes = $10, arriving_from = $11,
    leaf_day = NULL
  WHERE id = $1 AND deleted_at IS NULL AND place = $11`;

const ADD_SQL = `INSERT INTO conduit.topics (id, base_sequence, first_sequence, base_bytes,
    gone_bytes, base_published_at, created_at, retention_hours, retention_messages,
    retention_bytes, arriving_from, tenant_id, name, deleted_at)
  VALUES ($1, $2, $3, $4, $5, $6::timestamptz, $7::timestamptz, $8, $9, $10, $11, $12, $13,
    'infinity')`;

const LAST_SQL = 'SELECT max(sequence) AS last FROM conduit.messages WHERE topic_id = $1::bigint';

const FORGET_SQL = 'DELETE FROM conduit.topics WHERE id = $1';

const NAMES_SQL = `SELECT name FROM conduit.incarnations
  UNION SELECT name FROM conduit.moved_epochs WHERE topic_id = $1`;

/** What the database has gone through itself it knows. */
const EPOCHS_SQL = `INSERT INTO conduit.moved_epochs (topic_id, name, number, head)
  SELECT $1::bigint, e.name, (SELECT max(number) FROM conduit.incarnations), e.head
  FROM unnest($2::text[], $3::bigint[]) AS e (name, head)
  WHERE NOT EXISTS (SELECT FROM conduit.incarnations i WHERE i.name = e.name)`;

const NOTIFY = `pg_notify('${TOPICS_CHANNEL}', $1::bigint::text)`;

const LEAVE_SQL = `WITH left_it AS (
    UPDATE conduit.topics SET deleted_at = clock_timestamp(), moved_to = $2
    WHERE id = $1 AND ${livingHere()} RETURNING id)
  SELECT ${NOTIFY} FROM left_it`;

/** The first keeps a row that says where it is, and nothing else. */
const LEAVE_FIRST_SQL = `WITH left_it AS (
    UPDATE conduit.topics SET place = $2, moved_to = $2, base_sequence = 0, first_sequence = 1,
      base_bytes = 0, gone_bytes = 0, base_published_at = NULL, leaf_day = NULL
    WHERE id = $1 AND ${livingHere()} RETURNING id)
  SELECT ${NOTIFY} FROM left_it`;

const HAS_MOVED_SQL = `SELECT 1 FROM conduit.topics
  WHERE id = $1 AND CASE WHEN place <> 0 THEN place ELSE moved_to END = $2`;

const PLACE_SQL = `UPDATE conduit.topics SET place = $2
  WHERE id = $1 AND deleted_at IS NULL AND place <> $2`;

/** Of that name, and from before. */
const GHOSTS_SQL = `UPDATE conduit.topics SET deleted_at = clock_timestamp()
  WHERE (tenant_id, name) IN (SELECT t.tenant_id, t.name FROM conduit.topics t WHERE t.id = $1)
    AND id <> $1 AND deleted_at IS NULL`;

const ARRIVED_SQL = `WITH arrived AS (
    UPDATE conduit.topics SET deleted_at = NULL, place = 0, moved_to = NULL, arriving_from = NULL
    WHERE id = $1 AND arriving_from IS NOT NULL RETURNING id)
  SELECT ${NOTIFY} FROM arrived`;

const GIVEN_UP_SQL = {
  first: 'UPDATE conduit.topics SET arriving_from = NULL WHERE id = $1',
  other: `DELETE FROM conduit.topics WHERE id = $1 AND arriving_from IS NOT NULL`,
};

const ARRIVING_SQL = 'SELECT 1 FROM conduit.topics WHERE id = $1 AND arriving_from = $2';
const LIVES_SQL = `SELECT 1 FROM conduit.topics WHERE id = $1 AND ${livingHere()}`;
const IS_KNOWN_SQL = 'SELECT 1 FROM conduit.topics WHERE id = $1 AND deleted_at IS NULL';

interface TopicRow {
  tenant_id: string;
  name: string;
  first_sequence: string;
  gone_bytes: string;
  created_at: string;
  retention_hours: number | null;
  retention_messages: string | null;
  retention_bytes: string | null;
  head: string;
  published_at: string | null;
  bytes: string;
}

interface Ends {
  from: MoveSession;
  to: MoveSession;
}

export class PostgresMover implements TopicMover {
  readonly #urls: readonly string[];

  /** By place. */
  constructor(databaseUrls: readonly string[]) {
    this.#urls = databaseUrls;
  }

  async move(wanted: WantedMove): Promise<void> {
    const { topicId, from, to } = wanted;
    const outcome = await this.#with([from, to], async ([source, target]) => {
      if (source === undefined || target === undefined) throw new Error('a move has two ends');
      if (!(await source.lock(topicId))) throw isMoving();
      const ends = { from: source, to: target };
      await this.#copy(ends, wanted);
      if ((await this.#leave(ends, wanted)) === 'unknown') return 'unknown';
      await this.#arrive(target, wanted);
      return 'moved';
    });
    // The source says it: where its session is still there, whoever looks later ends it.
    if (outcome === 'unknown' && (await this.end(wanted)) !== 'arrived') {
      throw refusalError(LOG_UNREACHABLE, null);
    }
  }

  async end(move: Omit<WantedMove, 'key'>): Promise<'arrived' | 'elsewhere'> {
    const { topicId, from, to } = move;
    return this.#with([from, to, 0], async ([source, target, first]) => {
      if (source === undefined || target === undefined) return 'elsewhere';
      // Whoever moves it has the lock, and may still say that it has moved.
      if (!(await source.lock(topicId))) return 'elsewhere';
      const isThere = async (db: MoveSession | undefined, sql: string, ...values: number[]) =>
        (await db?.client.query(sql, [topicId, ...values]))?.rowCount === 1;
      if (!(await isThere(target, ARRIVING_SQL, from))) return 'elsewhere';
      if (!(await isThere(source, HAS_MOVED_SQL, to))) {
        // Where it was it has no row any more, long after it has moved: the first still knows of it.
        const isHere = await isThere(source, LIVES_SQL);
        if (isHere || !(await isThere(first, IS_KNOWN_SQL))) {
          await clearRows(target.client, topicId);
          await target.client.query(GIVEN_UP_SQL[to === 0 ? 'first' : 'other'], [topicId]);
          return 'elsewhere';
        }
      }
      await this.#arrive(target, move);
      return 'arrived';
    });
  }

  async follow({ topicId, from, to }: Omit<WantedMove, 'key'>): Promise<void> {
    await this.#with([from, to], async ([source, target]) => {
      if (source === undefined || target === undefined) return;
      if (!(await source.lock(topicId))) return;
      for (let outcome = 'brought'; outcome === 'brought'; ) {
        await source.client.query('BEGIN');
        await target.client.query('BEGIN');
        outcome = await moveOutbox(sidesOf({ from: source, to: target }), topicId);
        await target.client.query('COMMIT');
        await source.client.query('COMMIT');
      }
    });
  }

  /** Messages, until few are left; nobody waits for it. */
  async #copy(ends: Ends, { topicId }: WantedMove): Promise<void> {
    await clearRows(ends.to.client, topicId);
    let next = 0;
    for (let round = 1; round <= ROUNDS_MAX; round++) {
      const bounds = await boundsOf(ends.from.client, topicId);
      if (bounds === null) throw notFound();
      const first = Math.max(next, bounds.first);
      if (round > 1 && bounds.last - first < LEFT_MAX) return;
      await copyMessages(sidesOf(ends), topicId, {
        ...{ first, last: bounds.last },
        isWanted: () => checkAll(ends),
      });
      next = bounds.last + 1;
    }
  }

  /** The topic is held from here on. `unknown`: what became of it says the source, to whoever asks next. */
  async #leave(ends: Ends, wanted: WantedMove): Promise<'moved' | 'unknown'> {
    const { topicId, from, to } = wanted;
    const source = ends.from.client;
    const target = ends.to.client;
    const late = setTimeout(() => source.destroy(new Error(TOO_LONG)), HELD_MS_MAX);
    try {
      await source.query(`BEGIN; SET LOCAL lock_timeout = ${HOLD_MS}`);
      if ((await source.query(HOLD_SQL, [topicId])).rowCount === 0) throw notFound();
      await source.query(HOLD_SUBSCRIPTIONS_SQL, [topicId]);
      await target.query('BEGIN');
      await this.#bring(ends, wanted);
      await target.query('COMMIT');
      await source.query(from === 0 ? LEAVE_FIRST_SQL : LEAVE_SQL, [topicId, to]);
    } catch (error) {
      clearTimeout(late);
      await Promise.allSettled([source.query('ROLLBACK'), target.query('ROLLBACK')]);
      throw error;
    }
    try {
      await source.query('COMMIT');
      return 'moved';
    } catch (error) {
      if (faultOf(error) !== 'connection') throw error;
      return 'unknown';
    } finally {
      clearTimeout(late);
    }
  }

  /** What is left, in the transactions of both. */
  async #bring(ends: Ends, { topicId, from, to, key }: WantedMove): Promise<void> {
    const source = ends.from.client;
    const target = ends.to.client;
    const { rows } = await source.query<TopicRow>(ROW_SQL, [topicId]);
    const [row] = rows;
    if (row === undefined) throw notFound();
    const head = Number(row.head);
    const copied = await lastOf(target, topicId);
    await copyMessages(sidesOf(ends), topicId, {
      first: Math.max(copied + 1, Number(row.first_sequence)),
      last: head,
      isWanted: () => checkAll(ends),
    });
    const values = [
      ...[topicId, row.head, row.first_sequence, row.bytes, row.gone_bytes, row.published_at],
      ...[row.created_at, row.retention_hours, row.retention_messages, row.retention_bytes, from],
    ];
    if (to === 0) {
      const filled = await target.query(FILL_SQL, values);
      if (filled.rowCount === 0) throw notFound();
    } else {
      await keepTenant(target, { id: Number(row.tenant_id), name: tenantOf(key) });
      await target.query(FORGET_SQL, [topicId]);
      await target.query(ADD_SQL, [...values, row.tenant_id, row.name]);
    }
    await bringEpochs(source, target, { topicId, head });
    await moveRows(sidesOf(ends), topicId);
  }

  /** It has moved: the first is told, and then the database where it is. */
  async #arrive(
    target: MoveSession,
    { topicId, from, to }: Omit<WantedMove, 'key'>,
  ): Promise<void> {
    if (from !== 0 && to !== 0) {
      await this.#with([0], async ([first]) => first?.client.query(PLACE_SQL, [topicId, to]));
    }
    await target.client.query(GHOSTS_SQL, [topicId]);
    await target.client.query(ARRIVED_SQL, [topicId]);
  }

  /** Sessions with the databases of these places. */
  async #with<T>(
    places: readonly number[],
    work: (sessions: readonly MoveSession[]) => Promise<T>,
  ): Promise<T> {
    const sessions: MoveSession[] = [];
    try {
      for (const place of places) sessions.push(await MoveSession.open(this.#urls[place] ?? ''));
      return await work(sessions);
    } catch (error) {
      throw refused(error);
    } finally {
      await Promise.all(sessions.map((session) => session.close()));
    }
  }
}

async function boundsOf(
  db: Queryable,
  topicId: number,
): Promise<{ first: number; last: number } | null> {
  const { rows } = await db.query<{ first: string; last: string }>(BOUNDS_SQL, [topicId]);
  const [row] = rows;
  return row === undefined ? null : { first: Number(row.first), last: Number(row.last) };
}

/** Of the messages that were copied. */
async function lastOf(db: Queryable, topicId: number): Promise<number> {
  const { rows } = await db.query<{ last: string | null }>(LAST_SQL, [topicId]);
  return Number(rows[0]?.last ?? 0);
}

/** Positions of the incarnations that the topic has gone through mean the same up to its head, or less. */
async function bringEpochs(
  source: Queryable,
  target: Queryable,
  { topicId, head }: { topicId: number; head: number },
): Promise<void> {
  const { rows } = await source.query<{ name: string }>(NAMES_SQL, [topicId]);
  const names = rows.map(({ name }) => name);
  const common = await commonUpTo(
    source,
    names.map((incarnation) => ({ topicId, incarnation })),
  );
  const known = names.flatMap((name, n) => {
    const upTo = common[n] ?? null;
    return upTo === null ? [] : [{ name, head: Math.min(upTo, head) }];
  });
  await target.query('DELETE FROM conduit.moved_epochs WHERE topic_id = $1', [topicId]);
  await target.query(EPOCHS_SQL, [
    topicId,
    known.map(({ name }) => name),
    known.map(({ head: upTo }) => upTo),
  ]);
}

function sidesOf({ from, to }: Ends): Sides {
  return { from: from.client, to: to.client };
}

function checkAll({ from, to }: Ends): void {
  from.check();
  to.check();
}

function isMoving(): RequestError {
  return new RequestError('topic_moving', 'another move of this topic is under way');
}

function notFound(): RequestError {
  return new RequestError('topic_not_found', 'topic not found', 'topic');
}

function refused(error: unknown): unknown {
  if (error instanceof RequestError) return error;
  const fault = faultOf(error);
  if (fault === 'bug') return error;
  if (fault !== 'locked') return refusalError(LOG_REFUSALS[fault], error);
  return new RequestError('topic_busy', 'other writers hold the topic', { cause: error });
}
