/**
 * Webhooks in PostgreSQL, on connections of the main thread. A trigger tells every node that one changed,
 * whoever changed it; this node listens on one of them.
 */
import type { Clock } from '../core/clock.js';
import type { DisabledReason, WebhookPlace, WebhookRecord } from '../core/webhook-record.js';
import { makeWebhookKey, rotated } from '../core/webhook-secret.js';
import { WEBHOOK_CONNECTIONS } from '../log/postgres/session/connection-budget.js';
import type { KeptPool } from '../log/postgres/session/kept-pool.js';
import { LISTEN_ANSWER_MS, Listener } from '../log/postgres/session/listener.js';
import { openConnection, openPool } from '../log/postgres/session/log-connection.js';
import type { Queryable } from '../log/postgres/session/queryable.js';
import { inTransaction } from '../log/postgres/session/transaction.js';
import { tenantNotFound } from './key-refusal.js';
import { LOCK_TENANT_SQL } from './key-rows.js';
import {
  ALL_SQL,
  COUNT_SQL,
  DISABLE_SQL,
  GET_SQL,
  NOW_SQL,
  PUT_SQL,
  REMOVE_SQL,
  REMOVE_TOPIC_SQL,
  secretsText,
  type WebhookRow,
  webhookOf,
} from './webhook-rows.js';
import {
  checkWebhookRoom,
  type NewWebhook,
  type PutWebhook,
  type WebhookLimits,
  type WebhookStore,
} from './webhook-store.js';

/** NOTIFY channel, without a payload: some webhook is other than it was. */
const CHANNEL = 'conduit_webhooks';

export interface PostgresWebhooksOptions {
  databaseUrl: string;
  applicationName: string;
  clock: Clock;
  limits: WebhookLimits;
  /** Some changed, or may have, nobody having listened. */
  onChanged: () => void;
  /** For the operator: the session that listens is away. */
  onDeaf: (detail: string) => void;
}

export class PostgresWebhooks implements WebhookStore {
  readonly #options: PostgresWebhooksOptions;
  readonly #pool: KeptPool;
  readonly #listener: Listener;

  constructor(options: PostgresWebhooksOptions) {
    this.#options = options;
    const { databaseUrl, applicationName, clock, onChanged } = options;
    const session = { databaseUrl, applicationName };
    this.#pool = openPool(session, WEBHOOK_CONNECTIONS.ask);
    const listening = { ...session, answerMs: LISTEN_ANSWER_MS };
    this.#listener = new Listener({
      open: (onLost) => openConnection(listening, onLost),
      channels: [CHANNEL],
      clock,
      onNotification: onChanged,
      onListening: onChanged,
      onDown: options.onDeaf,
    });
    this.#listener.start();
  }

  async all(): Promise<WebhookRecord[]> {
    const { rows } = await this.#pool.query<WebhookRow>(ALL_SQL);
    return rows.map(webhookOf);
  }

  async get(place: WebhookPlace): Promise<WebhookRecord | null> {
    return recordIn(this.#pool, place);
  }

  async put(place: WebhookPlace, webhook: NewWebhook): Promise<PutWebhook> {
    return inTransaction(this.#pool, async (db) => {
      const { rows } = await db.query<{ id: string }>(LOCK_TENANT_SQL, [place.tenant]);
      const [tenant] = rows;
      if (tenant === undefined) throw tenantNotFound();
      const before = await recordIn(db, place);
      if (before === null) await this.#checkRoom(db, tenant.id);
      const nowMs = (await db.query<{ now_ms: number }>(NOW_SQL)).rows[0]?.now_ms ?? 0;
      const [last] = before?.secrets ?? [];
      const key = webhook.key ?? last?.key ?? makeWebhookKey();
      const { overlapMs } = webhook;
      const secrets = rotated(before?.secrets ?? [], key, { nowMs, overlapMs });
      const put = await db.query<WebhookRow>(PUT_SQL, [
        ...[tenant.id, place.topic, place.name, webhook.version, webhook.url],
        ...[secretsText(secrets), webhook.concurrency, webhook.timeoutMs],
        ...[webhook.format, webhook.ackWaitMs, webhook.maxDeliver],
        ...[webhook.ordering, JSON.stringify(webhook.start)],
      ]);
      const [row] = put.rows;
      if (row === undefined) throw new Error('a webhook was put, and is not there');
      return { record: webhookOf(row), newKey: key === last?.key ? null : key };
    });
  }

  async remove(place: WebhookPlace, version: string | null): Promise<boolean> {
    const { rowCount } = await this.#pool.query(REMOVE_SQL, [...placeOf(place), version]);
    return rowCount === 1;
  }

  async removeTopic({ tenant, topic }: Omit<WebhookPlace, 'name'>): Promise<void> {
    await this.#pool.query(REMOVE_TOPIC_SQL, [tenant, topic]);
  }

  async disable(place: WebhookPlace, version: string, reason: DisabledReason): Promise<boolean> {
    const { rowCount } = await this.#pool.query(DISABLE_SQL, [...placeOf(place), version, reason]);
    return rowCount === 1;
  }

  async close(): Promise<void> {
    await Promise.all([this.#listener.close(), this.#pool.end()]);
  }

  async #checkRoom(db: Queryable, tenantId: string): Promise<void> {
    const { rows } = await db.query<{ of_all: number; of_tenant: number }>(COUNT_SQL, [tenantId]);
    const { of_all: ofAll = 0, of_tenant: ofTenant = 0 } = rows[0] ?? {};
    checkWebhookRoom({ ofTenant, ofAll }, this.#options.limits);
  }
}

async function recordIn(db: Queryable, place: WebhookPlace): Promise<WebhookRecord | null> {
  const { rows } = await db.query<WebhookRow>(GET_SQL, placeOf(place));
  return rows[0] === undefined ? null : webhookOf(rows[0]);
}

function placeOf({ tenant, topic, name }: WebhookPlace): string[] {
  return [tenant, topic, name];
}
