/**
 * What an acceptor has to tell the audit log: in its memory for a tenth of a second, then sent where it is
 * kept, one batch at a time, until that took it. Nobody waits for it. Attempts that fail alike are counted in
 * one entry; what finds no room is counted too, and told once there is. Tenants share the room: none takes
 * that of another, however much it has refused.
 */
import { type AuditEntry, type AuditEvent, auditText } from '../core/audit-record.js';
import type { Clock } from '../core/clock.js';
import type { Tenant } from '../core/topic-key.js';
import { formatUuid, makeUuidV7 } from '../core/uuid.js';
import { TenantShares } from './tenant-shares.js';

const FLUSH_MS = 100;
const RETRY_MS = 1_000;
/** Attempts that fail alike within it are told as one, with how many. */
const ALIKE_MS = 5_000;
/** Kinds of failed attempts within that time; those of further kinds are lost. */
const ALIKE_MAX = 256;
/** Some 2 MiB at most of texts as long as they may be, some 200 KiB of usual ones. */
const WAITING_MAX = 1_024;
const BATCH_MAX = 256;
/** For what waits when the node ends. */
const END_MS = 1_000;

interface Kept extends AuditEvent {
  entryId: string;
  times: number;
  sinceMs: number;
}

export interface AuditTrailOptions {
  clock: Clock;
  /**
   * Keeps them, each once, however often it is called with one. Whatever it rejects with, it is asked again.
   */
  send: (entries: readonly AuditEntry[]) => Promise<unknown>;
}

export class AuditTrail {
  readonly #options: AuditTrailOptions;
  /** The oldest first. */
  readonly #waiting: Kept[] = [];
  readonly #waitingShares = new TenantShares(WAITING_MAX);
  /** Of them, the first so many: they are not given up. */
  #underWay = 0;
  /** What more failed like one that was told: `times` may be 0. */
  readonly #alike = new Map<string, Kept>();
  readonly #alikeShares = new TenantShares(ALIKE_MAX);
  /** How many found no room. */
  readonly #lost = new Map<Tenant, number>();
  #flush: NodeJS.Timeout | null = null;
  #window: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;
  #state: 'open' | 'closed' = 'open';

  constructor(options: AuditTrailOptions) {
    this.#options = options;
  }

  add(event: AuditEvent): void {
    const fit = {
      ...event,
      actor: auditText(event.actor),
      address: auditText(event.address),
      object: auditText(event.object),
    };
    const kept = {
      ...fit,
      entryId: this.#newId(),
      times: 1,
      sinceMs: this.#options.clock.monotonic(),
    };
    if (event.outcome === 'ok') this.#keep(kept);
    else this.#addFailed(kept);
  }

  /** Sends all that is there; resolves when that is done, or after a second. */
  async flushed(): Promise<void> {
    const late = new Promise<'late'>((resolve) => {
      setTimeout(() => resolve('late'), END_MS).unref();
    });
    this.#endWindow();
    while (this.#waiting.length > 0 && this.#state === 'open') {
      const before = this.#waiting.length;
      if ((await Promise.race([this.#send(), late])) === 'late') return;
      // It was refused: it is tried again by the clock, not by whoever ends.
      if (this.#waiting.length >= before) return;
    }
  }

  close(): void {
    this.#state = 'closed';
    if (this.#flush !== null) clearTimeout(this.#flush);
    if (this.#window !== null) clearTimeout(this.#window);
  }

  /** How many wait, and of how many kinds attempts are counted: for tests of the bounds. */
  get sizes(): { waiting: number; alike: number } {
    return { waiting: this.#waiting.length, alike: this.#alike.size };
  }

  #addFailed(kept: Kept): void {
    const { tenant, actor, address, action, object, outcome } = kept;
    const kind = JSON.stringify([tenant, actor, address, action, object, outcome]);
    const known = this.#alike.get(kind);
    if (known !== undefined) {
      if (known.times === 0) Object.assign(known, kept);
      else known.times++;
      return;
    }
    if (this.#alikeShares.isFull && !this.#giveUpKind(tenant)) {
      this.#lose(tenant);
      return;
    }
    this.#alike.set(kind, { ...kept, times: 0 });
    this.#alikeShares.add(tenant);
    this.#window ??= setTimeout(() => this.#endWindow(), ALIKE_MS);
    this.#keep(kept);
  }

  /** False: nobody has more kinds than this tenant would have. What was counted of one is told as lost. */
  #giveUpKind(tenant: Tenant): boolean {
    const giver = this.#alikeShares.giverTo(tenant);
    if (giver === null) return false;
    const kinds = [...this.#alike].filter(([, kept]) => kept.tenant === giver);
    const [kind, kept] = kinds.at(-1) ?? [];
    if (kind === undefined || kept === undefined) return false;
    this.#alike.delete(kind);
    this.#alikeShares.remove(giver);
    if (kept.times > 0) this.#lose(giver, kept.times);
    return true;
  }

  #endWindow(): void {
    if (this.#window !== null) clearTimeout(this.#window);
    this.#window = null;
    const counted = [...this.#alike.values()].filter(({ times }) => times > 0);
    this.#alike.clear();
    this.#alikeShares.clear();
    for (const kept of counted) this.#keep(kept);
    this.#tellLost();
    if (this.#waiting.length > 0) this.#later(FLUSH_MS);
  }

  #keep(kept: Kept): void {
    if (this.#state === 'closed') return;
    if (this.#waitingShares.isFull && !this.#giveUpEntry(kept.tenant)) {
      this.#lose(kept.tenant, kept.times);
      return;
    }
    this.#push(kept);
    this.#later(FLUSH_MS);
  }

  #push(kept: Kept): void {
    this.#waiting.push(kept);
    this.#waitingShares.add(kept.tenant);
  }

  /** The newest of whoever has most, and rather what failed; false: nobody has more. */
  #giveUpEntry(tenant: Tenant): boolean {
    const giver = this.#waitingShares.giverTo(tenant);
    if (giver === null) return false;
    const isIts = (one: Kept, at: number): boolean => one.tenant === giver && at >= this.#underWay;
    const failed = this.#waiting.findLastIndex((one, at) => isIts(one, at) && one.outcome !== 'ok');
    const at = failed >= 0 ? failed : this.#waiting.findLastIndex(isIts);
    const [given] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (given === undefined) return false;
    this.#waitingShares.remove(giver);
    this.#lose(giver, given.times);
    return true;
  }

  #lose(tenant: Tenant, times = 1): void {
    this.#lost.set(tenant, (this.#lost.get(tenant) ?? 0) + times);
  }

  #later(ms: number): void {
    if (this.#state === 'closed' || this.#sending !== null) return;
    this.#flush ??= setTimeout(() => void this.#send(), ms);
  }

  /** One batch, if none is under way. */
  #send(): Promise<void> {
    if (this.#flush !== null) clearTimeout(this.#flush);
    this.#flush = null;
    this.#sending ??= this.#sendBatch().then((waitMs) => {
      this.#sending = null;
      if (this.#waiting.length > 0) this.#later(waitMs);
    });
    return this.#sending;
  }

  /** Gives after how long the next one may go. */
  async #sendBatch(): Promise<number> {
    const batch = this.#waiting.slice(0, BATCH_MAX);
    if (batch.length === 0) return FLUSH_MS;
    const nowMs = this.#options.clock.monotonic();
    this.#underWay = batch.length;
    try {
      await this.#options.send(batch.map((kept) => entryOf(kept, nowMs)));
    } catch {
      // Whoever keeps it has said why: it is the database's trouble, which is told of there.
      return RETRY_MS;
    } finally {
      this.#underWay = 0;
    }
    for (const { tenant } of this.#waiting.splice(0, batch.length)) {
      this.#waitingShares.remove(tenant);
    }
    this.#tellLost();
    return this.#waiting.length === 0 ? FLUSH_MS : 0;
  }

  #newId(): string {
    return formatUuid(makeUuidV7(this.#options.clock.now(), 0));
  }

  /** As many as there is room for. */
  #tellLost(): void {
    const { clock } = this.#options;
    for (const [tenant, times] of this.#lost) {
      if (this.#waitingShares.isFull) return;
      this.#lost.delete(tenant);
      const entryId = this.#newId();
      const nobody = { actor: '', address: '', object: '' };
      const what = { action: 'audit.lost', outcome: 'busy' } as const;
      const sinceMs = clock.monotonic();
      const ids = { entryId, requestId: entryId };
      this.#push({ tenant, ...nobody, ...what, ...ids, times, sinceMs });
    }
  }
}

function entryOf({ sinceMs, ...event }: Kept, nowMs: number): AuditEntry {
  return { ...event, ageMs: Math.max(0, Math.round(nowMs - sinceMs)) };
}
