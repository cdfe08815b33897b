/**
 * Which node coordinates which durable subscription, as the database knows it: a term is held by a node as
 * long as its lease, and given up by it, or taken from one whose lease is over. Keeps no state.
 */
import {
  type Coordinator,
  type HeldTerm,
  type LostTerm,
  OwnedElsewhere,
} from '../../contract/subscription-store.js';
import type { Queryable } from '../session/queryable.js';
import { livingOwnerSql } from './node-rows.js';
import { sameSql } from './subscription-rows.js';

/** No row: there is no such subscription. */
const OWNER_SQL = `SELECT s.owner_boot, EXISTS (${livingOwnerSql('s')}) AS is_living
  FROM conduit.subscriptions s
  WHERE s.topic_id = $1 AND s.name = $2`;

const RELEASE_SQL = `UPDATE conduit.subscriptions s SET owner_node = NULL, owner_boot = NULL
  FROM (VALUES ($1::bigint, $2::bigint, $3::bigint, $4::bigint))
    AS held(id, term, topic_id, created_ms)
  WHERE s.id = held.id AND s.term = held.term AND ${sameSql('held')} AND s.owner_boot = $5::uuid`;

/** A node of the version before takes it without saying who it is: the row names this one still. */
const LOST_SQL = `SELECT held.id, CASE WHEN s.id IS NULL THEN 'deleted'
    WHEN $5::uuid IS NULL OR s.owner_boot = $5::uuid THEN 'taken_over'
    WHEN s.owner_boot IS NULL AND s.owner_node IS NOT NULL THEN 'taken_over' ELSE 'moved' END AS why
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
    AS held(id, term, topic_id, created_ms)
  LEFT JOIN conduit.subscriptions s ON s.id = held.id AND ${sameSql('held')}
  WHERE s.term IS DISTINCT FROM held.term`;

interface OwnerRow {
  /** Null: nobody's. */
  owner_boot: string | null;
  is_living: boolean;
}

export class SubscriptionOwners {
  readonly #db: Queryable;
  /** Null: it has no link to other nodes, and takes whatever is asked for. */
  readonly #bootId: string | null;
  /** Who takes, as the statement that does has it. */
  readonly own: readonly [node: string | null, bootId: string | null];

  constructor(db: Queryable, own: Coordinator | null) {
    this.#db = db;
    this.#bootId = own?.bootId ?? null;
    this.own = [own?.node ?? null, this.#bootId];
  }

  /**
   * Of one that was not taken. Throws OwnedElsewhere. True: it is there, and whoever had it is gone, or has
   * let it go meanwhile. False: there is none of that name.
   */
  async isFree(topicId: number, name: unknown): Promise<boolean> {
    if (this.#bootId === null) return false;
    const { rows } = await this.#db.query<OwnerRow>(OWNER_SQL, [topicId, name]);
    const [found] = rows;
    if (found === undefined) return false;
    const { owner_boot: owner, is_living: isLiving } = found;
    if (isLiving && owner !== null && owner !== this.#bootId) throw new OwnedElsewhere(owner);
    return true;
  }

  async release({ id, term, topicId, createdAtMs }: HeldTerm): Promise<void> {
    if (this.#bootId === null) return;
    await this.#db.query(RELEASE_SQL, [id, term, topicId, createdAtMs, this.#bootId]);
  }

  /** Only what is lost comes back: a thousand that are held cost four texts. */
  async lost(held: readonly HeldTerm[]): Promise<LostTerm[]> {
    const { rows } = await this.#db.query<{ id: string; why: LostTerm['why'] }>(LOST_SQL, [
      `{${held.map(({ id }) => id).join()}}`,
      `{${held.map(({ term }) => term).join()}}`,
      `{${held.map(({ topicId }) => topicId).join()}}`,
      `{${held.map(({ createdAtMs }) => createdAtMs).join()}}`,
      this.#bootId,
    ]);
    return rows.map(({ id, why }) => ({ id: Number(id), why }));
  }
}
