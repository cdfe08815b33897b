/** What bounds webhooks: part of the table in limits.ts. */

export const WEBHOOK_LIMITS = {
  webhooksPerTenantMax: { default: 100, min: 1, max: 10_000, text: 'Webhooks of one tenant.' },
  webhooksMax: {
    default: 10_000,
    min: 1,
    max: 100_000,
    text: 'Webhooks of an installation; each node knows all, and sends for its share.',
  },
  webhookConcurrency: {
    default: 8,
    min: 1,
    max: 256,
    text: 'Requests to one webhook under way, where it does not say.',
  },
  webhookConcurrencyMax: {
    default: 64,
    min: 1,
    max: 256,
    text: 'The most requests that a webhook may ask to have under way.',
  },
  webhookTimeoutMs: {
    default: 10_000,
    min: 100,
    max: 60_000,
    text: 'How long a webhook may take to answer, where it does not say.',
  },
  webhookTimeoutMsMax: {
    default: 30_000,
    min: 100,
    max: 60_000,
    text: 'The longest that a webhook may ask to be waited for.',
  },
  webhookRetryAfterMsMax: {
    default: 3_600_000,
    min: 1_000,
    max: 86_400_000,
    text: 'The longest Retry-After of a webhook that is kept to.',
  },
} as const;
