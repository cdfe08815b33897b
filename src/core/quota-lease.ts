/**
 * What an acceptor leases of the quotas that it enforces: tokens of rates, which it spends, and room for
 * sessions and subscriptions, which it holds. Asked for several times a second, never for one request.
 */
import type { CountName, RateName } from './quotas.js';
import type { Tenant } from './topic-key.js';

export interface RateAsk {
  tenant: Tenant;
  rate: RateName;
  /** The quota. */
  perS: number;
  /** Above 0. */
  wanted: number;
}

export interface CountAsk {
  tenant: Tenant;
  counted: CountName;
  /** The quota. */
  max: number;
  /** Open now. */
  used: number;
}

export interface LeaseAsk {
  /** The acceptor, by a name that no other has. */
  holder: string;
  rates: readonly RateAsk[];
  counts: readonly CountAsk[];
}

/** In the order of what was asked for. */
export interface LeaseAnswer {
  /** Tokens, 0 to what was wanted, with fractions. */
  granted: number[];
  /** How many may be open there until it asks again. */
  held: number[];
}

/** Nobody else uses what a holder had for so long after it asked last. */
export const HELD_MS = 5_000;

/**
 * What a holder may have open, `others` being what the others hold: what it has, and of the room that is
 * left a share, one being kept for who is not there yet.
 */
export function heldOf(
  { used, max }: Pick<CountAsk, 'used' | 'max'>,
  others: { held: number; holders: number },
): number {
  const room = Math.max(0, max - used - others.held);
  return used + Math.ceil(room / (others.holders + 2));
}
