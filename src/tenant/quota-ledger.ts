/**
 * The tenants that have quotas, on one acceptor: which they are, and, in turns of a tenth of a second, what
 * is leased for them. Where no tenant has any it does nothing, and costs whoever asks one look at a number.
 */
import type { Clock } from '../core/clock.js';
import type { LeaseAnswer, LeaseAsk } from '../core/quota-lease.js';
import { hasQuotas, type TenantQuotas } from '../core/quotas.js';
import type { Tenant } from '../core/topic-key.js';
import type { Budget } from './budget.js';
import type { HeldRoom } from './held-room.js';
import { type InUse, TenantUse } from './tenant-use.js';

const TURN_MS = 100;
/** Who has no answer by then spends what the quota gives, as where nobody leases. */
const LATE_MS = 500;
/** More or less, so that no node is always the one that comes first. */
const TURN_JITTER = 0.2;

export interface QuotaLedgerOptions {
  clock: Clock;
  /** Names the acceptor among all that lease. */
  holder: string;
  /** Rejects where nobody leases now. */
  lease: (ask: LeaseAsk) => Promise<LeaseAnswer>;
  /** Counts what is open of a tenant, which had no quota of it until now. */
  inUse: (tenant: Tenant) => InUse;
  /** What the log keeps of it. Rejects RequestError. */
  storedBytes: (tenant: Tenant) => Promise<number>;
  /** There may be something to spend again: a turn is over, or a quota is another. */
  onTurn: () => void;
}

/** What is under way to those who lease. */
interface Turn {
  rates: { ask: LeaseAsk['rates'][number]; budget: Budget }[];
  counts: { ask: LeaseAsk['counts'][number]; room: HeldRoom }[];
}

export class QuotaLedger {
  readonly #options: QuotaLedgerOptions;
  readonly #uses = new Map<Tenant, TenantUse>();
  #timer: NodeJS.Timeout | null = null;
  #turnedAtMs: number;
  #state: 'open' | 'closed' = 'open';

  constructor(options: QuotaLedgerOptions) {
    this.#options = options;
    this.#turnedAtMs = options.clock.monotonic();
  }

  /** Undefined: it has no quotas. */
  of(tenant: Tenant): TenantUse | undefined {
    return this.#uses.size === 0 ? undefined : this.#uses.get(tenant);
  }

  /** Those that have quotas, all of them, as they are from now on. */
  changed(all: readonly TenantQuotas[]): void {
    // Who writes to the database by hand may leave members there that set nothing.
    const some = all.filter(({ quotas }) => hasQuotas(quotas));
    const kept = new Map(some.map(({ tenant, quotas }) => [tenant, quotas]));
    for (const tenant of [...this.#uses.keys()]) if (!kept.has(tenant)) this.#uses.delete(tenant);
    for (const [tenant, quotas] of kept) {
      const use = this.#uses.get(tenant) ?? new TenantUse(tenant);
      this.#uses.set(tenant, use);
      use.change(quotas, () => this.#options.inUse(tenant));
    }
    this.#options.onTurn();
    this.#arm();
  }

  close(): void {
    this.#state = 'closed';
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Leases what is wanted; the timer calls it. Resolves when that was answered, or not. */
  async turn(): Promise<void> {
    const nowMs = this.#options.clock.monotonic();
    const elapsedMs = nowMs - this.#turnedAtMs;
    this.#turnedAtMs = nowMs;
    const turn: Turn = { rates: [], counts: [] };
    for (const use of this.#uses.values()) {
      if (!use.takesTurn()) continue;
      turn.rates.push(...use.rateAsks());
      turn.counts.push(...use.countAsks(nowMs));
      this.#lookStored(use, nowMs);
    }
    if (turn.rates.length + turn.counts.length > 0) await this.#lease(turn, elapsedMs);
    this.#options.onTurn();
  }

  async #lease({ rates, counts }: Turn, elapsedMs: number): Promise<void> {
    const { holder, lease } = this.#options;
    const ask = {
      holder,
      rates: rates.map((one) => one.ask),
      counts: counts.map((one) => one.ask),
    };
    try {
      const { granted, held } = await inTime(lease(ask));
      rates.forEach(({ budget }, n) => {
        budget.granted(granted[n] ?? 0);
      });
      counts.forEach(({ room }, n) => {
        room.held(held[n] ?? 0);
      });
    } catch {
      // Nobody leases: what the quota gives in this time is spent here, and what is held stays held.
      for (const { budget, ask: rate } of rates) {
        budget.granted(Math.min(rate.wanted, (budget.perS * elapsedMs) / 1_000));
      }
    }
  }

  /** Nobody waits for it. */
  #lookStored(use: TenantUse, nowMs: number): void {
    const stored = use.storedAsk(nowMs);
    if (stored === null) return;
    this.#options.storedBytes(use.tenant).then(
      (bytes) => stored.found(bytes),
      // It is asked for again when somebody publishes, and until then what it said last counts.
      () => undefined,
    );
  }

  #arm(): void {
    if (this.#timer !== null || this.#uses.size === 0 || this.#state === 'closed') return;
    const jitter = 1 + TURN_JITTER * (2 * this.#options.clock.random() - 1);
    this.#timer = setTimeout(() => {
      void this.turn().finally(() => {
        this.#timer = null;
        this.#arm();
      });
    }, TURN_MS * jitter);
  }
}

function inTime<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('nobody leased in time')), LATE_MS);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
