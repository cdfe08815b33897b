/** What HTTP consumers of a durable subscription send, and are answered. */
import { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import type { DeliveryToken } from '../../core/handed-out.js';
import { LIMITS, type Limits } from '../../core/limits.js';
import { parseToken } from '../delivery-token.js';
import { delayRange } from '../fields.js';
import { REASON_CHARS_MAX } from '../frame-fields.js';
import { count, integer, members, oneOf, optional, text, via, withDefault } from './kinds.js';
import { ACK_WAIT_MS, MAX_DELIVER, START } from './subscriptions.js';
import { MESSAGE_MEMBERS } from './topics.js';

const TOKENS_MAX = 1_000;
const MESSAGES = 100;
const ORDERINGS = ['none', 'key', 'topic'] as const;

export function pull(limits: Limits) {
  const { pullMessagesMax, pullWaitMsMax } = limits;
  const messages = { min: 1, max: pullMessagesMax, variable: 'PULL_MESSAGES_MAX' };
  const wait = { min: 0, max: pullWaitMsMax, variable: 'PULL_WAIT_MS_MAX' };
  const most = Math.min(MESSAGES, pullMessagesMax);
  return members({
    max: withDefault(integer(messages, `Messages at most; ${most} without it.`), most),
    wait_ms: withDefault(integer(wait, 'How long to wait for the first one; 0 without it.'), 0),
    start: optional(START).describe('Where a subscription that is made by this begins.'),
    ack_wait_ms: optional(ACK_WAIT_MS),
    max_deliver: optional(MAX_DELIVER),
    ordering: withDefault(oneOf(ORDERINGS, 'Of redeliveries, too; of one that is made.'), 'none'),
  });
}

export type PullAsk = z.output<ReturnType<typeof pull>>;

export const PULLED = members({
  messages: z.array(
    z.object({
      token: z.string().describe('Opaque; what ack, nack, extend and reject name it by.'),
      type: z.literal('message'),
      ...MESSAGE_MEMBERS,
      attempt: count('From 1 on.'),
      subscription: z.string(),
    }),
  ),
  gap: z
    .object({ from: count('First sequence.'), to: count('Last one.'), reason: z.string() })
    .optional()
    .describe('What could not be given any more.'),
});

/** In one look, as lists of ids are. */
function tokens() {
  const detail = `must be an array of 1 to ${TOKENS_MAX} tokens, as a pull gave them`;
  const read = (values: unknown[]): DeliveryToken[] => {
    if (values.length === 0 || values.length > TOKENS_MAX) {
      throw new RequestError('invalid_field', detail);
    }
    return values.map((value) => {
      const token = typeof value === 'string' ? parseToken(value) : null;
      if (token === null) throw new RequestError('invalid_field', detail);
      return token;
    });
  };
  const array = z.array(z.unknown(), { error: detail }).transform(via(read));
  const description = 'Of messages that were pulled.';
  return array.meta({ description, items: { type: 'string' }, minItems: 1, maxItems: TOKENS_MAX });
}

const REASON = optional(
  text('Why; it stands with the dead letter.').max(REASON_CHARS_MAX, {
    error: `has more than ${REASON_CHARS_MAX} characters`,
  }),
);

export const ACKED = members({ tokens: tokens() });
export const REJECTED = members({ tokens: tokens(), reason: REASON });

export function nacked(limits: Limits) {
  const delay = integer(delayRange(limits), 'When it comes again, in ms; null: by the back-off.');
  return members({ tokens: tokens(), delay_ms: optional(delay), reason: REASON });
}

const MORE_MS = integer(LIMITS.ackWaitMs, 'From now on, in ms; null: as long as it was given.');
export const EXTENDED = members({ tokens: tokens(), ms: optional(MORE_MS) });

export const SETTLED = members({
  settled: count('Tokens that were taken.'),
  unknown: z
    .array(z.string())
    .describe('Those that were not: settled before, or given to somebody else since.'),
});
