/**
 * The subscription store on PostgreSQL. Keeps no state; takes sessions of a pool. What a topic or
 * subscription leaves behind when it is deleted is out of reach at once (every read joins what
 * lives) and deleted by upkeep.
 */

import type { DeadLetterFilter, DeadLetterRecord } from '../../../core/dead-letter-record.js';
import { RequestError } from '../../../core/errors.js';
import { DEFAULT_LIMITS, type Limits } from '../../../core/limits.js';
import type { LogRow } from '../../../core/message.js';
import type { DeliveryRecord, SubscriptionRecord } from '../../../core/subscription-record.js';
import { type Tenant, tenantOf, topicNameWithin, type Within } from '../../../core/topic-key.js';
import type {
  Coordinator,
  EphemeralSave,
  FoundMessage,
  HeldTerm,
  InitialSubscription,
  LostTerm,
  MissingMessage,
  RedrivenDelivery,
  SubscriptionSave,
  SubscriptionStore,
} from '../../contract/subscription-store.js';
import {
  durableLimit,
  FIRST_TRACE_PAGE,
  noSubscription,
} from '../../contract/subscription-store.js';
import type { SessionPool } from '../session/lent-session.js';
import { livingHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';
import { inTransaction } from '../session/transaction.js';
import { DURABLES_TURN_SQL, IN_TURN_BELOW } from './creation-turn.js';
import { holdLog, holdTopic, isCursorOnly, storeCursors, storeDeliveries } from './cursor-rows.js';
import type { OwnedSequence } from './dead-letter-rows.js';
import {
  giveBack,
  returnRedriven,
  settleDeadLetters,
  storeDeadLetters,
  storeFailures,
} from './dead-letter-rows.js';
import { MessageTrace } from './message-trace.js';
import { findMissing, storeMissing } from './missing-messages.js';
import { livingOwnerSql } from './node-rows.js';
import { PostgresDeadLetters } from './postgres-dead-letters.js';
import type { StoreRows } from './refused-data.js';
import { isRefusal, orRefused, RefusedData, storeTogether } from './refused-data.js';
import { SubscriptionOwners } from './subscription-owners.js';
import type { CursorRow, DeliveryRow, SettingRow, SubscriptionRow } from './subscription-rows.js';
import {
  CURSOR_JOIN,
  cursorSql,
  DELIVERY_COLUMNS,
  deleteRows,
  deliveryOf,
  SETTING_COLUMNS,
  SUBSCRIPTION_COLUMNS,
  storable,
  subscriptionOf,
} from './subscription-rows.js';
import { readArrears } from './topic-arrears.js';

/** So often one may be deleted, or change hands, while it is taken. */
const TAKES_MAX = 10;

/** Of what is not to be made: they fill their places. */
const NOT_MADE: InitialSubscription = {
  settings: { ackWaitMs: 0, maxDeliver: 0, ordering: 'none' },
  cursor: 0,
};

/** `lock`: of the topic, where it may move away meanwhile: what is made then is made where it is. */
const takeSql = (lock: string): string => `WITH t AS (
    SELECT id, name FROM conduit.topics WHERE id = $1 AND ${livingHere()} ${lock}),
  s AS (
    INSERT INTO conduit.subscriptions AS old
      (topic_id, name, ack_wait_ms, max_deliver, ordering, owner_node, owner_boot)
    SELECT t.id, $2, $3, $4, $5, $8, $9::uuid FROM t
    WHERE EXISTS (SELECT 1 FROM conduit.subscriptions x WHERE x.topic_id = $1 AND x.name = $2)
      OR (SELECT count(*) FROM conduit.subscriptions x WHERE x.topic_id = $1) < $7
    ON CONFLICT (topic_id, name) DO UPDATE
      SET term = old.term + 1, owner_node = $8, owner_boot = $9::uuid
      WHERE $9::uuid IS NULL OR old.owner_boot IS NULL OR old.owner_boot = $9::uuid
        OR NOT EXISTS (${livingOwnerSql('old')})
    RETURNING *),
  c AS (
    INSERT INTO conduit.cursors (subscription_id, ack_floor, settled, delivered)
    SELECT id, $6, '{}', $6 FROM s WHERE term = 1)
  SELECT ${SETTING_COLUMNS} FROM s JOIN t ON t.id = s.topic_id`;

const TAKE_SQL = { stay: takeSql(''), move: takeSql('FOR KEY SHARE') };

const LIVING_SQL = `SELECT 1 FROM conduit.topics WHERE id = $1 AND ${livingHere()}`;

/** Its cursor, once, and its deliveries; no row: it has been deleted. */
const HELD_SQL = `SELECT c.ack_floor, c.delivered,
    CASE WHEN d.sequence IS NOT DISTINCT FROM d.first THEN c.settled END AS settled,
    ${DELIVERY_COLUMNS}
  FROM (${cursorSql('$1')}) c LEFT JOIN (
    SELECT *, min(sequence) OVER () AS first FROM conduit.deliveries
    WHERE subscription_id = $1) d ON true
  ORDER BY d.sequence`;

const FIND_SQL = `SELECT ${SUBSCRIPTION_COLUMNS} FROM conduit.subscriptions s
  JOIN conduit.topics t ON t.id = s.topic_id AND ${livingHere('t')}
  ${CURSOR_JOIN}
  WHERE s.topic_id = $1 AND s.name = $2`;

/** Cursors are looked up for the page alone. */
const LIST_SQL = `WITH page AS MATERIALIZED (
    SELECT s.id, t.name AS topic, s.name FROM conduit.subscriptions s
    JOIN conduit.topics t ON t.id = s.topic_id AND ${livingHere('t')}
    JOIN conduit.tenants n ON n.id = t.tenant_id
    WHERE n.name = $1 AND ($2::text IS NULL OR t.name = $2) AND (t.name, s.name) > ($3, $4)
    ORDER BY t.name, s.name LIMIT $5)
  SELECT ${SUBSCRIPTION_COLUMNS} FROM page p
  JOIN conduit.subscriptions s ON s.id = p.id
  JOIN conduit.topics t ON t.id = s.topic_id
  ${CURSOR_JOIN}
  ORDER BY p.topic, p.name`;

/** Rows of a save were stored without their texts, or left out, as PostgreSQL refuses them. */
export type OnRefused = (rows: number, error: unknown) => void;

export interface StoreOptions {
  limits?: Pick<Limits, 'durablesPerTopicMax'>;
  /** Who takes; null: nobody who coordinates anything. */
  own?: Coordinator | null;
  /** Between databases; by default they stay. */
  topics?: 'stay' | 'move';
}

export class PostgresSubscriptions implements SubscriptionStore {
  readonly #pool: SessionPool;
  readonly #onRefused: OnRefused;
  readonly #limits: Pick<Limits, 'durablesPerTopicMax'>;
  readonly #owners: SubscriptionOwners;
  readonly #topics: 'stay' | 'move';
  readonly #deadLetters: PostgresDeadLetters;
  readonly #trace: MessageTrace;

  constructor(
    pool: SessionPool,
    onRefused: OnRefused,
    { limits = DEFAULT_LIMITS, own = null, topics = 'stay' }: StoreOptions = {},
  ) {
    this.#pool = pool;
    this.#limits = limits;
    this.#topics = topics;
    this.#owners = new SubscriptionOwners(pool, own);
    this.#onRefused = onRefused;
    this.#deadLetters = new PostgresDeadLetters(pool);
    this.#trace = new MessageTrace(pool, this.#deadLetters);
  }

  /** One round trip when it makes it. */
  async take(
    topicId: number,
    name: string,
    initial: InitialSubscription | null,
  ): Promise<{ record: SubscriptionRecord; deliveries: DeliveryRecord[] }> {
    const { settings, cursor } = initial ?? NOT_MADE;
    const { ackWaitMs, maxDeliver, ordering } = settings;
    const values = [topicId, name, ackWaitMs, maxDeliver, ordering, cursor];
    for (let turn = 1; turn <= TAKES_MAX; turn++) {
      const row = await this.#takeRow(topicId, values, initial === null ? 'there' : 'made');
      if (row === null) continue;
      // Deleted between the look for it and the insert of the same statement.
      if (initial === null && Number(row.term) === 1) {
        await this.delete(topicId, name);
        throw noSubscription();
      }
      if (Number(row.term) === 1) {
        const place = { ack_floor: String(cursor), settled: [], delivered: String(cursor) };
        return { record: subscriptionOf({ ...row, ...place }), deliveries: [] };
      }
      // A second statement: the first one's snapshot is older than the save that it may have waited
      // for, and under the new term no other save can follow.
      const { rows } = await this.#pool.query<HeldRow>(HELD_SQL, [row.id]);
      const [first] = rows;
      if (first === undefined) continue;
      const { ack_floor, delivered, settled } = first;
      return {
        record: subscriptionOf({ ...row, ack_floor, delivered, settled }),
        deliveries: rows.filter(isDelivery).map(deliveryOf),
      };
    }
    throw new Error(`a subscription of topic ${topicId} has no cursor`);
  }

  /** Near the limit one after another, each with a snapshot of its own: so the limit is exact. */
  async #takeRow(
    topicId: number,
    values: readonly unknown[],
    wanted: 'there' | 'made',
  ): Promise<SettingRow | null> {
    const max = wanted === 'there' ? 0 : this.#limits.durablesPerTopicMax;
    const { own } = this.#owners;
    const take = async (db: Queryable, below: number): Promise<SettingRow | undefined> =>
      (await db.query<SettingRow>(TAKE_SQL[this.#topics], [...values, below, ...own])).rows[0];
    const early = await take(this.#pool, max - IN_TURN_BELOW);
    if (early !== undefined) return early;
    // What another node coordinates is not made: it needs no turn.
    if (await this.#owners.isFree(topicId, values[1])) return null;
    const row = await inTransaction(this.#pool, async (session) => {
      await session.query(DURABLES_TURN_SQL, [topicId]);
      return take(session, max);
    });
    if (row !== undefined) return row;
    if (await this.#owners.isFree(topicId, values[1])) return null;
    const { rowCount } = await this.#pool.query(LIVING_SQL, [topicId]);
    if (rowCount === 0) throw new RequestError('topic_not_found', 'topic not found');
    throw wanted === 'there' ? noSubscription() : durableLimit(max);
  }

  release(held: HeldTerm): Promise<void> {
    return this.#owners.release(held);
  }

  lost(held: readonly HeldTerm[]): Promise<LostTerm[]> {
    return this.#owners.lost(held);
  }

  async find(topicId: number, name: string): Promise<SubscriptionRecord | null> {
    const { rows } = await this.#pool.query<SubscriptionRow>(FIND_SQL, [topicId, storable(name)]);
    return rows[0] === undefined ? null : subscriptionOf(rows[0]);
  }

  async list(
    within: Within,
    page: { after: { topic: string; name: string } | null; limit: number },
  ): Promise<SubscriptionRecord[]> {
    const { rows } = await this.#pool.query<SubscriptionRow>(LIST_SQL, [
      tenantOf(within),
      storable(topicNameWithin(within)),
      // Cut and not replaced: what follows must sort behind it.
      page.after?.topic.split('\0', 1)[0] ?? '',
      page.after?.name.split('\0', 1)[0] ?? '',
      page.limit,
    ]);
    return rows.map(subscriptionOf);
  }

  delete(topicId: number, name: string): Promise<boolean> {
    return inTransaction(this.#pool, (session) => deleteRows(session, topicId, name));
  }

  /** One statement when only cursors changed. */
  async save(
    saves: readonly SubscriptionSave[],
    onMissing: (missing: MissingMessage) => void = () => undefined,
  ): Promise<number[]> {
    if (saves.length === 0) return [];
    const { stored, missing } = saves.every(isCursorOnly)
      ? { stored: await orRefused(storeCursors(this.#pool, saves)), missing: [] }
      : await this.#whatever((session, storeRows) => storeAll(session, saves, storeRows));
    missing.forEach(onMissing);
    return saves.filter((save) => !stored.has(save.id)).map((save) => save.id);
  }

  async saveEphemeral(
    save: EphemeralSave,
    onMissing: (sequence: number) => void = () => undefined,
  ): Promise<void> {
    const by = { topicId: save.topicId, owner: { session: save.session } };
    const drafts = save.deadLetters.map((draft) => ({ ...by, ...draft }));
    const settled = save.settledDeliveries.map((sequence) => ({ ...by, sequence }));
    const failures = save.failures.map((failure) => ({ ...by, ...failure }));
    const missing = await this.#whatever(async (session, storeRows) => {
      await holdLog(session, save);
      if (this.#topics === 'move') await holdTopic(session, save.topicId);
      await storeDeadLetters(session, drafts, storeRows);
      await settleDeadLetters(session, settled);
      await giveBack(session, save, save.returned ?? []);
      await storeFailures(session, failures, storeRows);
      return findMissing(session, save);
    });
    missing.forEach(onMissing);
  }

  /** In a transaction; once more without what PostgreSQL refuses as data, when it does. */
  async #whatever<T>(work: (session: Queryable, storeRows: StoreRows) => Promise<T>): Promise<T> {
    try {
      return await inTransaction(this.#pool, (session) => work(session, storeTogether));
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
    const stored = inTransaction(this.#pool, async (session) => {
      const refused = new RefusedData(session);
      const result = await work(session, refused.storeRows);
      if (refused.rows > 0) this.#onRefused(refused.rows, refused.error);
      return result;
    });
    return orRefused(stored);
  }

  listDeadLetters(
    filter: DeadLetterFilter,
    page: { after: number; limit: number; bytesMax: number },
  ): Promise<DeadLetterRecord[]> {
    return this.#deadLetters.list(filter, page);
  }

  readonly countDeadLetters: SubscriptionStore['countDeadLetters'] = (filter) =>
    this.#deadLetters.count(filter);

  readonly groupDeadLetters: SubscriptionStore['groupDeadLetters'] = (filter) =>
    this.#deadLetters.groups(filter);

  readonly arrears: SubscriptionStore['arrears'] = (tenant, topicIds) =>
    readArrears(this.#pool, tenant, topicIds);

  purgeDeadLetters(filter: DeadLetterFilter, limit: number): Promise<number> {
    return this.#deadLetters.purge(filter, limit);
  }

  redrive(tenant: Tenant, ids: readonly number[]): Promise<DeadLetterRecord[]> {
    return this.#deadLetters.redrive(tenant, ids);
  }

  redriven(after: readonly RedrivenDelivery[]): Promise<RedrivenDelivery[]> {
    return this.#deadLetters.redriven(after);
  }

  redrivenRows(
    of: Parameters<SubscriptionStore['redrivenRows']>[0],
    sequences: readonly number[],
  ): Promise<LogRow[]> {
    return this.#deadLetters.redrivenRows(of, sequences);
  }

  findMessage(tenant: Tenant, messageId: Uint8Array): Promise<FoundMessage | null> {
    return this.#trace.find(tenant, messageId);
  }

  traceOf(
    topicId: number,
    sequence: number,
    page = FIRST_TRACE_PAGE,
  ): ReturnType<SubscriptionStore['traceOf']> {
    return this.#trace.of(topicId, sequence, page);
  }
}

type OwnerPart = Omit<OwnedSequence, 'sequence'>;
type HeldRow = CursorRow & (DeliveryRow | { sequence: null });

function isDelivery(row: HeldRow): row is CursorRow & DeliveryRow {
  return row.sequence !== null;
}

/** Answers the ids whose row is there under that term, and what could not become a dead letter. */
async function storeAll(
  session: Queryable,
  saves: readonly SubscriptionSave[],
  storeRows: StoreRows,
): Promise<{ stored: Set<number>; missing: MissingMessage[] }> {
  const stored = await storeCursors(session, saves);
  const accepted = saves.filter((save) => stored.has(save.id) && !isCursorOnly(save));
  await storeDeliveries(session, accepted, storeRows);
  await storeExceptions(session, accepted, storeRows);
  return { stored, missing: await storeMissing(session, accepted) };
}

/** Dead letters before what is settled: what comes back redriven is no longer redriven then. */
async function storeExceptions(
  session: Queryable,
  saves: readonly SubscriptionSave[],
  storeRows: StoreRows,
): Promise<void> {
  const all = <T>(items: (save: SubscriptionSave) => readonly T[]): (T & OwnerPart)[] =>
    saves.flatMap((save) =>
      items(save).map((item) => ({
        ...item,
        topicId: save.topicId,
        owner: { subscriptionId: save.id },
      })),
    );
  await storeDeadLetters(
    session,
    all((save) => save.deadLetters),
    storeRows,
  );
  await settleDeadLetters(
    session,
    all((save) => save.settledDeliveries.map((sequence) => ({ sequence }))),
  );
  await returnRedriven(
    session,
    saves.filter((save) => save.dropDeliveries).map((save) => save.id),
  );
  await storeFailures(
    session,
    all((save) => save.failures),
    storeRows,
  );
}
