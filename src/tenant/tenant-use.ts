/**
 * What one tenant that has quotas uses on one acceptor, and what it is refused. Asked for each publish of
 * such a tenant, so it makes nothing there.
 */
import { RequestError } from '../core/errors.js';
import type { CountAsk, RateAsk } from '../core/quota-lease.js';
import {
  type CountName,
  memberOf,
  type QuotaName,
  type Quotas,
  type RateName,
} from '../core/quotas.js';
import type { Tenant } from '../core/topic-key.js';
import { Budget } from './budget.js';
import { HeldRoom } from './held-room.js';
import { StoredBytes } from './stored-bytes.js';

const RATES: readonly RateName[] = ['messagesPerS', 'bytesPerS', 'deliveriesPerS'];
const COUNTS: readonly CountName[] = ['sessions', 'subscriptions'];
/** By then what was spent on credit is made up for, and nothing is held. */
const QUIET_TURNS = 20;

/** What is open of it. */
export type InUse = Readonly<Record<CountName, number>>;

export class TenantUse {
  readonly tenant: Tenant;
  readonly #budgets = new Map<RateName, Budget>();
  readonly #rooms = new Map<CountName, HeldRoom>();
  #stored: StoredBytes | null = null;
  /** Those of every publish, at hand. */
  #messages: Budget | null = null;
  #bytes: Budget | null = null;
  #deliveries: Budget | null = null;
  /** Since somebody asked for something. */
  #quietTurns = 0;
  /** The text of RateLimit-Policy; null: nothing of it has a rate. */
  policy: string | null = null;

  constructor(tenant: Tenant) {
    this.tenant = tenant;
  }

  /** From now on. What was leased or is held under a quota that stays as it was goes on. */
  change(quotas: Quotas, inUse: () => InUse): void {
    for (const rate of RATES) {
      const perS = quotas[rate];
      if (perS === null) this.#budgets.delete(rate);
      else if (this.#budgets.get(rate)?.perS !== perS) this.#budgets.set(rate, new Budget(perS));
    }
    for (const counted of COUNTS) {
      const max = quotas[counted];
      const known = this.#rooms.get(counted);
      if (max === null) this.#rooms.delete(counted);
      else if (known === undefined) {
        this.#rooms.set(counted, new HeldRoom(max, inUse()[counted]));
      } else known.max = max;
    }
    if (quotas.storedBytes === null) this.#stored = null;
    else if (this.#stored === null) this.#stored = new StoredBytes(quotas.storedBytes);
    else this.#stored.max = quotas.storedBytes;
    this.#messages = this.#budgets.get('messagesPerS') ?? null;
    this.#bytes = this.#budgets.get('bytesPerS') ?? null;
    this.#deliveries = this.#budgets.get('deliveriesPerS') ?? null;
    this.#quietTurns = 0;
    this.policy = policyOf(this.#messages, this.#bytes);
  }

  /**
   * Takes so many messages of so many bytes of payload together, or throws and takes nothing: `rate_limited`;
   * `batch_too_large` or `payload_too_large` for what never fits; `quota_exceeded` where no more may be kept.
   */
  publish(messages: number, bytes: number): void {
    this.#quietTurns = 0;
    this.#checkFits(messages, bytes);
    // Both count what is asked for, whoever refuses.
    const hasMessages = this.#messages?.allows(messages) ?? true;
    const hasBytes = this.#bytes?.allows(bytes) ?? true;
    if (this.#messages !== null && !hasMessages) throw limited('messagesPerS', this.#messages);
    if (this.#bytes !== null && !hasBytes) throw limited('bytesPerS', this.#bytes);
    if (this.#stored?.hasRoom(bytes) === false) {
      const what = 'delete topics, or shorten their retention';
      throw exceeded('storedBytes', { max: this.#stored.max, what: `bytes kept: ${what}` });
    }
    this.#messages?.spend(messages);
    this.#bytes?.spend(bytes);
    this.#stored?.add(bytes);
  }

  /** Of messages that were given; null: any number may be. */
  get deliveries(): Budget | null {
    this.#quietTurns = 0;
    return this.#deliveries;
  }

  /** Why no more may be open; null: one more may. */
  refusal(counted: CountName): RequestError | null {
    this.#quietTurns = 0;
    const room = this.#rooms.get(counted);
    if (room === undefined || room.hasRoom()) return null;
    return exceeded(counted, { max: room.max, what: `${counted}: close some` });
  }

  /** Throws `quota_exceeded` where no more may be open. */
  checkRoom(counted: CountName): void {
    const refusal = this.refusal(counted);
    if (refusal !== null) throw refusal;
  }

  opened(counted: CountName): void {
    this.#rooms.get(counted)?.add();
  }

  closed(counted: CountName): void {
    this.#rooms.get(counted)?.giveBack();
  }

  /** The text of RateLimit. */
  get remaining(): string {
    const items = [
      this.#messages === null ? [] : [`"messages";r=${this.#messages.left};t=1`],
      this.#bytes === null ? [] : [`"bytes";r=${this.#bytes.left};t=1`],
    ];
    return items.flat().join(', ');
  }

  /** Whether a turn may have something to do for it. Of thousands of tenants most do nothing. */
  takesTurn(): boolean {
    if (this.#quietTurns++ < QUIET_TURNS) return true;
    for (const { used } of this.#rooms.values()) if (used > 0) return true;
    return false;
  }

  /** What to lease with this turn. */
  rateAsks(): { ask: RateAsk; budget: Budget }[] {
    const { tenant } = this;
    return [...this.#budgets].flatMap(([rate, budget]) => {
      const wanted = budget.wanted();
      const { perS } = budget;
      return wanted > 0 ? [{ ask: { tenant, rate, perS, wanted }, budget }] : [];
    });
  }

  countAsks(nowMs: number): { ask: CountAsk; room: HeldRoom }[] {
    const { tenant } = this;
    return [...this.#rooms].flatMap(([counted, room]) => {
      const { max, used } = room;
      return room.isDue(nowMs) ? [{ ask: { tenant, counted, max, used }, room }] : [];
    });
  }

  /** The log is to be asked what it keeps. */
  storedAsk(nowMs: number): StoredBytes | null {
    return this.#stored?.isDue(nowMs) === true ? this.#stored : null;
  }

  #checkFits(messages: number, bytes: number): void {
    const [perS, bytesPerS] = [this.#messages?.perS, this.#bytes?.perS];
    if (perS !== undefined && messages > perS) {
      const detail = `${messages} messages at once, and the quota is ${perS} a second (${memberOf('messagesPerS')})`;
      throw new RequestError('batch_too_large', detail, 'messages');
    }
    if (bytesPerS === undefined || bytes <= bytesPerS) return;
    const detail = `${bytes} bytes of payload at once, and the quota is ${bytesPerS} a second (${memberOf('bytesPerS')})`;
    if (messages > 1) throw new RequestError('batch_too_large', detail, 'messages');
    throw new RequestError('payload_too_large', detail, 'payload');
  }
}

/**
 * IETF draft-ietf-httpapi-ratelimit-headers-10: a policy for each quota, `qu` where it counts no requests.
 */
function policyOf(messages: Budget | null, bytes: Budget | null): string | null {
  const items = [
    messages === null ? [] : [`"messages";q=${messages.perS};w=1`],
    bytes === null ? [] : [`"bytes";q=${bytes.perS};w=1;qu="content-bytes"`],
  ].flat();
  return items.length === 0 ? null : items.join(', ');
}

function limited(rate: RateName, { perS }: Budget): RequestError {
  const what = rate === 'messagesPerS' ? 'messages' : 'bytes of payload';
  const detail = `the tenant publishes more than its quota, ${perS} ${what} a second (${memberOf(rate)})`;
  return new RequestError('rate_limited', detail);
}

/** `what`: of which there are so many, and what to do. */
function exceeded(name: QuotaName, { max, what }: { max: number; what: string }): RequestError {
  const detail = `the tenant's quota is ${max} ${what}, or have ${memberOf(name)} raised`;
  return new RequestError('quota_exceeded', detail);
}
