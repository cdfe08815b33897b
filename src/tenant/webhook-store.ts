/** Where webhooks are kept: in PostgreSQL, or in memory. Texts were checked where they came in. */
import { RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import type {
  DisabledReason,
  WebhookPlace,
  WebhookRecord,
  WebhookSettings,
} from '../core/webhook-record.js';

export interface NewWebhook extends WebhookSettings {
  readonly version: string;
  /** In base64; null: the one that is there stays, and one is made where none is. */
  readonly key: string | null;
  /** How long the one before is signed with beside it. */
  readonly overlapMs: number;
}

export interface PutWebhook {
  readonly record: WebhookRecord;
  /** In base64, of a secret that is new; null: it is the one before. */
  readonly newKey: string | null;
}

export type WebhookLimits = Pick<Limits, 'webhooksMax' | 'webhooksPerTenantMax'>;

/** Each rejects with RequestError, with what PostgreSQL or the driver said, or with a bug. */
export interface WebhookStore {
  all(): Promise<WebhookRecord[]>;
  get(place: WebhookPlace): Promise<WebhookRecord | null>;
  /** Of one that is there: in its place, and enabled. Rejects `webhook_limit`, `tenant_not_found`. */
  put(place: WebhookPlace, webhook: NewWebhook): Promise<PutWebhook>;
  /** `version` null: whichever it has. False: there is none. */
  remove(place: WebhookPlace, version: string | null): Promise<boolean>;
  /** All of the topic. */
  removeTopic(topic: Omit<WebhookPlace, 'name'>): Promise<void>;
  /** False: it is another one by now, or is disabled. */
  disable(place: WebhookPlace, version: string, reason: DisabledReason): Promise<boolean>;
  close(): Promise<void>;
}

export function webhookNotFound(): RequestError {
  return new RequestError('webhook_not_found', 'the subscription has no webhook', 'webhook');
}

/** Throws `webhook_limit` where there is no room for one more. */
export function checkWebhookRoom(
  counts: { ofTenant: number; ofAll: number },
  { webhooksMax, webhooksPerTenantMax }: WebhookLimits,
): void {
  const detail =
    counts.ofTenant >= webhooksPerTenantMax
      ? `the tenant has WEBHOOKS_PER_TENANT_MAX (${webhooksPerTenantMax})`
      : `there are WEBHOOKS_MAX (${webhooksMax})`;
  const isFull = counts.ofTenant >= webhooksPerTenantMax || counts.ofAll >= webhooksMax;
  if (isFull) throw new RequestError('webhook_limit', detail);
}
