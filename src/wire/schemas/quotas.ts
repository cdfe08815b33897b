/** The quotas of a tenant: what may be set, and what is shown. */
import { QUOTAS, type QuotaChanges, type QuotaName } from '../../core/quotas.js';
import { integer, members, optional } from './kinds.js';

/** A member for each row of QUOTAS, under its name of JSON; none is required, and null is unlimited. */
export const QUOTA_CHANGES = members({
  messages_per_s: changeOf('messagesPerS'),
  bytes_per_s: changeOf('bytesPerS'),
  deliveries_per_s: changeOf('deliveriesPerS'),
  sessions: changeOf('sessions'),
  subscriptions: changeOf('subscriptions'),
  topics: changeOf('topics'),
  stored_bytes: changeOf('storedBytes'),
})
  .transform(
    (asked): QuotaChanges => ({
      messagesPerS: asked.messages_per_s,
      bytesPerS: asked.bytes_per_s,
      deliveriesPerS: asked.deliveries_per_s,
      sessions: asked.sessions,
      subscriptions: asked.subscriptions,
      topics: asked.topics,
      storedBytes: asked.stored_bytes,
    }),
  )
  .describe('What is left out stays as it is; null is unlimited.');

export const NEW_QUOTAS = optional(QUOTA_CHANGES).transform((quotas) => quotas ?? {});

export const SHOWN_QUOTAS = members({
  messages_per_s: shownOf('messagesPerS'),
  bytes_per_s: shownOf('bytesPerS'),
  deliveries_per_s: shownOf('deliveriesPerS'),
  sessions: shownOf('sessions'),
  subscriptions: shownOf('subscriptions'),
  topics: shownOf('topics'),
  stored_bytes: shownOf('storedBytes'),
}).describe('null: unlimited.');

function changeOf(name: QuotaName) {
  const { min, max, text } = QUOTAS[name];
  return integer({ min, max }, text).nullish();
}

function shownOf(name: QuotaName) {
  const { min, max, text } = QUOTAS[name];
  return integer({ min, max }, text).nullable();
}
