/** Webhooks of a node without a database, on its main thread. */
import type { Clock } from '../core/clock.js';
import {
  type DisabledReason,
  type WebhookPlace,
  type WebhookRecord,
  webhookKey,
} from '../core/webhook-record.js';
import { makeWebhookKey, rotated } from '../core/webhook-secret.js';
import {
  checkWebhookRoom,
  type NewWebhook,
  type PutWebhook,
  type WebhookLimits,
  type WebhookStore,
} from './webhook-store.js';

export interface MemoryWebhooksOptions {
  clock: Pick<Clock, 'now'>;
  limits: WebhookLimits;
  onChanged: () => void;
}

export class MemoryWebhooks implements WebhookStore {
  readonly #options: MemoryWebhooksOptions;
  readonly #records = new Map<string, WebhookRecord>();

  constructor(options: MemoryWebhooksOptions) {
    this.#options = options;
  }

  async all(): Promise<WebhookRecord[]> {
    return [...this.#records.values()];
  }

  async get(place: WebhookPlace): Promise<WebhookRecord | null> {
    return this.#records.get(webhookKey(place)) ?? null;
  }

  async put(place: WebhookPlace, webhook: NewWebhook): Promise<PutWebhook> {
    const { clock, limits } = this.#options;
    const before = this.#records.get(webhookKey(place)) ?? null;
    if (before === null) {
      const own = [...this.#records.values()].filter(({ tenant }) => tenant === place.tenant);
      checkWebhookRoom({ ofTenant: own.length, ofAll: this.#records.size }, limits);
    }
    const nowMs = clock.now();
    const { key: given, overlapMs, ...settings } = webhook;
    const { tenant, topic, name } = place;
    const [last] = before?.secrets ?? [];
    const key = given ?? last?.key ?? makeWebhookKey();
    const record: WebhookRecord = {
      ...{ tenant, topic, name, ...settings },
      secrets: rotated(before?.secrets ?? [], key, { nowMs, overlapMs }),
      disabled: null,
      createdAtMs: before?.createdAtMs ?? nowMs,
      updatedAtMs: nowMs,
    };
    this.#keep(record);
    return { record, newKey: key === last?.key ? null : key };
  }

  async remove(place: WebhookPlace, version: string | null): Promise<boolean> {
    const record = this.#records.get(webhookKey(place));
    if (record === undefined || (version !== null && version !== record.version)) return false;
    this.#records.delete(webhookKey(place));
    this.#options.onChanged();
    return true;
  }

  async removeTopic({ tenant, topic }: Omit<WebhookPlace, 'name'>): Promise<void> {
    for (const record of [...this.#records.values()]) {
      if (record.tenant === tenant && record.topic === topic) await this.remove(record, null);
    }
  }

  async disable(place: WebhookPlace, version: string, reason: DisabledReason): Promise<boolean> {
    const record = this.#records.get(webhookKey(place));
    if (record?.version !== version || record.disabled !== null) return false;
    this.#keep({ ...record, disabled: { reason, atMs: this.#options.clock.now() } });
    return true;
  }

  async close(): Promise<void> {
    this.#records.clear();
  }

  #keep(record: WebhookRecord): void {
    this.#records.set(webhookKey(record), record);
    this.#options.onChanged();
  }
}
