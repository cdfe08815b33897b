/**
 * What a tenant may use, by name: its quotas. Rates are spent and come again with time; sessions and
 * subscriptions are held while they are open; topics and stored bytes are there until somebody deletes them.
 */
import { eachMember } from './each-member.js';
import { snakeCase } from './snake-case.js';
import type { Tenant } from './topic-key.js';

export interface QuotaSpec {
  readonly min: number;
  readonly max: number;
  readonly text: string;
}

const GIB = 1024 * 1024 * 1024;

export const QUOTAS = {
  messagesPerS: { min: 1, max: 1_000_000_000, text: 'Messages published in a second.' },
  bytesPerS: { min: 1, max: 1_024 * GIB, text: 'Bytes of payloads published in a second.' },
  deliveriesPerS: {
    min: 1,
    max: 1_000_000_000,
    text: 'Messages given to sessions and streams in a second, each of them counted.',
  },
  sessions: { min: 0, max: 1_000_000_000, text: 'Sessions and streams of events that are open.' },
  subscriptions: { min: 0, max: 1_000_000_000, text: 'Subscriptions that are open in them.' },
  topics: { min: 0, max: 10_000_000, text: 'Topics, those that subscribers make among them.' },
  storedBytes: { min: 0, max: 1_048_576 * GIB, text: 'Bytes of payloads that its topics keep.' },
} as const satisfies Record<string, QuotaSpec>;

export type QuotaName = keyof typeof QUOTAS;
/** What is spent. */
export type RateName = 'messagesPerS' | 'bytesPerS' | 'deliveriesPerS';
/** What is held. */
export type CountName = 'sessions' | 'subscriptions';

/** Null: unlimited. */
export type Quotas = { readonly [K in QuotaName]: number | null };
/** What is left out stays as it is. */
export type QuotaChanges = { readonly [K in QuotaName]?: number | null | undefined };

/** Of one that has some. */
export interface TenantQuotas {
  readonly tenant: Tenant;
  readonly quotas: Quotas;
}

export const UNLIMITED: Quotas = Object.freeze(eachMember(QUOTAS, () => null));

export function withChanges(quotas: Quotas, changes: QuotaChanges): Quotas {
  return eachMember(QUOTAS, (name) => {
    const change = changes[name];
    return change === undefined ? quotas[name] : change;
  });
}

export function hasQuotas(quotas: Quotas): boolean {
  return Object.values(quotas).some((quota) => quota !== null);
}

/** As operators set it: `messages_per_s`. */
export function memberOf(name: QuotaName): string {
  return snakeCase(name);
}
