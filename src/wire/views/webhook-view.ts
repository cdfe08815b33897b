/** A webhook as clients see it: without its secrets, but for a new one, which whoever made it is shown. */
import { isoTime } from '../../core/time.js';
import type { WebhookRecord } from '../../core/webhook-record.js';
import { inForce, webhookSecretText } from '../../core/webhook-secret.js';
import type { View } from '../schemas/kinds.js';
import type * as schemas from '../schemas/webhooks.js';

export type WebhookView = View<typeof schemas.WEBHOOK>;

/** `newKey`: in base64; null: nothing of its secrets is shown. */
export function webhookView(
  record: WebhookRecord,
  { newKey, nowMs }: { newKey: string | null; nowMs: number },
): WebhookView {
  const { topic, name, url, disabled, concurrency, ordering } = record;
  return {
    ...{ topic, name, url },
    state: disabled === null ? 'active' : 'disabled',
    disabled_reason: disabled?.reason ?? null,
    disabled_at: timeOf(disabled?.atMs ?? null),
    ...{ concurrency, timeout_ms: record.timeoutMs, format: record.format },
    ack_wait_ms: record.ackWaitMs,
    ...{ max_deliver: record.maxDeliver, ordering },
    secrets: inForce(record.secrets, nowMs).map(({ untilMs }) => ({ expires_at: timeOf(untilMs) })),
    ...(newKey === null ? {} : { secret: webhookSecretText(newKey) }),
    created_at: isoTime(record.createdAtMs),
    updated_at: isoTime(record.updatedAtMs),
  };
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}
