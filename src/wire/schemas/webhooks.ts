/** What /api/subscriptions/:topic/:name/webhook takes and answers. */
import { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import { LIMITS, type Limits } from '../../core/limits.js';
import { webhookKeyOf } from '../../core/webhook-secret.js';
import { webhookUrl } from '../webhook-url.js';
import { count, integer, members, oneOf, optional, text, time, via, withDefault } from './kinds.js';
import { MAX_DELIVER, START } from './subscriptions.js';

const OVERLAP_S = { min: 0, max: 30 * 86_400 };
const OVERLAP_DEFAULT_S = 86_400;
const FORMATS = ['payload', 'cloudevents'] as const;
const ORDERINGS = ['none', 'key', 'topic'] as const;
const NEW = 'new';

/** `mayCall`: whether a node calls this address for somebody else. */
export function newWebhook(limits: Limits, mayCall: (address: string) => boolean) {
  const { webhookConcurrencyMax, webhookTimeoutMsMax } = limits;
  const concurrency = {
    min: 1,
    max: webhookConcurrencyMax,
    variable: 'WEBHOOK_CONCURRENCY_MAX',
  };
  const timeout = { min: 100, max: webhookTimeoutMsMax, variable: 'WEBHOOK_TIMEOUT_MS_MAX' };
  const most = Math.min(limits.webhookConcurrency, webhookConcurrencyMax);
  const longest = Math.min(limits.webhookTimeoutMs, webhookTimeoutMsMax);
  const url = text('Where messages are sent: http or https, a public address.');
  return members({
    url: url.transform(via((value) => webhookUrl(value, mayCall))),
    concurrency: withDefault(
      integer(concurrency, `Requests under way at once; ${most} without it. 1: one after another.`),
      most,
    ),
    timeout_ms: withDefault(
      integer(timeout, `How long an answer is waited for; ${longest} without it.`),
      longest,
    ),
    format: withDefault(
      oneOf(FORMATS, 'What the body of a request is: the payload without it, or a CloudEvent.'),
      'payload',
    ),
    secret: optional(secret()),
    overlap_s: withDefault(
      integer(
        OVERLAP_S,
        'How long the secret before a new one is signed with, too; a day without it.',
      ),
      OVERLAP_DEFAULT_S,
    ),
    start: optional(START).describe('Where a subscription that is made by this begins.'),
    ack_wait_ms: optional(
      integer(LIMITS.ackWaitMs, 'First wait before a message is sent again; above timeout_ms.'),
    ),
    max_deliver: optional(MAX_DELIVER),
    ordering: optional(
      oneOf(ORDERINGS, 'Of one that is made; topic where concurrency is 1, else none.'),
    ),
  });
}

export type WebhookBody = z.output<ReturnType<typeof newWebhook>>;

/** What it comes to as the directory is asked. */
function secret() {
  const read = (value: string): 'new' | { key: string } => {
    if (value === NEW) return NEW;
    const key = webhookKeyOf(value);
    if (key !== null) return { key };
    // The value is not told again: it may be a secret that is one character short.
    throw new RequestError('invalid_field', 'takes new, or whsec_ and 24 to 64 bytes in base64');
  };
  const description = 'To sign with: whsec_..., or new for another one; the one before without it.';
  return text(description).transform(via(read));
}

export const WEBHOOK = members({
  topic: z.string(),
  name: z.string().describe('Of the subscription.'),
  url: z.string(),
  state: z
    .enum(['active', 'disabled'])
    .describe('disabled: nothing is sent until it is put again.'),
  disabled_reason: z.enum(['gone']).nullable().describe('gone: it answered 410.'),
  disabled_at: time('When that was.').nullable(),
  concurrency: count('Requests under way at once.'),
  timeout_ms: count('How long an answer is waited for.'),
  format: z.enum(FORMATS).describe('What the body of a request is.'),
  ack_wait_ms: count('Of a subscription that is made: first wait before a message is sent again.'),
  max_deliver: count('Of one that is made: attempts before the dead letter.').nullable(),
  ordering: z.enum(ORDERINGS).describe('Of one that is made.'),
  secrets: z
    .array(
      members({
        expires_at: time('Until when it is signed with; null: it does not end.').nullable(),
      }),
    )
    .describe('How many it is signed with now; the secrets themselves are not shown again.'),
  secret: z
    .string()
    .optional()
    .describe('To check signatures with: of one that is new, this once.'),
  created_at: time('When it was put first.'),
  updated_at: time('When it was put last.'),
});
