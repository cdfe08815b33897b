/**
 * How fast a tenant that has rates may have its outbox released: no faster than messages_per_s and
 * bytes_per_s, on all nodes together, from buckets that nothing else spends of. So what passes no acceptor is
 * held to the quota, too, and what waits here keeps nobody's request out. Nothing is lost: it comes later.
 */
import { burstOf } from '../../../core/token-bucket.js';
import { tenantOf } from '../../../core/topic-key.js';
import type { Queryable } from '../session/queryable.js';
import { GRANT_SQL, type LeaseRow } from '../session/quota-tokens.js';
import type { DueTopic } from './due-topics.js';
import { BATCH_ROWS_MAX, type ReleaseRoom, WHOLE_BATCH } from './release-batch.js';

const MESSAGES = 'released_messages';
const BYTES = 'released_bytes';

interface Ask {
  rate: string;
  perS: number;
  wanted: number;
}

export class ReleaseQuota {
  /** Tokens of tenants that have rates, by tenant and rate; less than none: bytes that were too many. */
  readonly #tokens = new Map<string, number>();

  /** How much of the topic may be released now; null: nothing yet. */
  async roomFor(session: Queryable, { key, pace }: DueTopic): Promise<ReleaseRoom | null> {
    const { messagesPerS, bytesPerS } = pace;
    if (key === null || (messagesPerS === null && bytesPerS === null)) return WHOLE_BATCH;
    const tenant = tenantOf(key);
    const asks: Ask[] = [];
    if (messagesPerS !== null && this.#left(tenant, MESSAGES) < 1) {
      const wanted = Math.min(burstOf(messagesPerS), BATCH_ROWS_MAX);
      asks.push({ rate: MESSAGES, perS: messagesPerS, wanted });
    }
    if (bytesPerS !== null && this.#left(tenant, BYTES) <= 0) {
      asks.push({ rate: BYTES, perS: bytesPerS, wanted: burstOf(bytesPerS) });
    }
    if (asks.length > 0) await this.#lease(session, tenant, asks);
    const { rows, bytes } = WHOLE_BATCH;
    const room = {
      rows: messagesPerS === null ? rows : Math.min(rows, Math.floor(this.#left(tenant, MESSAGES))),
      bytes: bytesPerS === null ? bytes : Math.min(bytes, Math.ceil(this.#left(tenant, BYTES))),
    };
    return room.rows >= 1 && room.bytes > 0 ? room : null;
  }

  /** So much was released. */
  spent({ key, pace }: DueTopic, { rows, bytes }: { rows: number; bytes: number }): void {
    if (key === null) return;
    const tenant = tenantOf(key);
    if (pace.messagesPerS !== null) this.#add(tenant, MESSAGES, -rows);
    if (pace.bytesPerS !== null) this.#add(tenant, BYTES, -bytes);
  }

  /** The session is another one: what was leased on the one before is let go. */
  forget(): void {
    this.#tokens.clear();
  }

  async #lease(session: Queryable, tenant: string, asks: readonly Ask[]): Promise<void> {
    const { rows } = await session.query<LeaseRow>(GRANT_SQL.text, [
      asks.map(() => tenant),
      asks.map(({ rate }) => rate),
      asks.map(({ perS }) => perS),
      asks.map(({ wanted }) => wanted),
    ]);
    for (const { name, given } of rows) this.#add(tenant, name, Number(given));
  }

  #left(tenant: string, rate: string): number {
    return this.#tokens.get(`${tenant} ${rate}`) ?? 0;
  }

  #add(tenant: string, rate: string, tokens: number): void {
    this.#tokens.set(`${tenant} ${rate}`, this.#left(tenant, rate) + tokens);
  }
}
