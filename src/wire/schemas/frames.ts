/**
 * The frames of clients. The node reads them with its scanners, not with these; a property test holds that
 * both take and refuse the same, with the same values. Members that are not known are let pass.
 */
import { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import { LIMITS, type Limits } from '../../core/limits.js';
import { TOKEN_CHARS_MAX } from '../../core/token.js';
import { parseUuid } from '../../core/uuid.js';
import { delayRange } from '../fields.js';
import { isExact, REASON_CHARS_MAX, REF_CHARS_MAX } from '../frame-fields.js';
import { startOf } from '../start.js';
import { integer, oneOf, optional, text, via, withDefault } from './kinds.js';
import { subscriptionName, topicName } from './names.js';
import { isOneTime, publishMembers } from './publishes.js';
import { CLIENT_NAME, CLIENT_VERSION } from './sessions.js';
import { ACK_WAIT_MS, MAX_DELIVER, START_MEMBERS } from './subscriptions.js';

const REF = optional(
  z
    .union([z.string().max(REF_CHARS_MAX), z.number().refine(isExact)])
    .describe('Comes back in the answer, as it was sent; a string or a number.'),
);

const START = z
  .object(START_MEMBERS)
  .transform(
    via((parts) => startOf(parts, (part, detail) => new RequestError('bad_cursor', detail, part))),
  );

const TOKEN = text('The token to go on with.').max(TOKEN_CHARS_MAX);

const flag = (description: string) => withDefault(z.boolean().describe(description), false);

export function clientFrames(limits: Limits) {
  return z.discriminatedUnion('type', [
    subscribe(limits),
    unsubscribe(limits),
    ...verdicts(limits),
    z.object({ type: z.literal('publish'), ref: REF, ...publishMembers(limits) }).refine(isOneTime),
    z.object({ type: z.literal('heartbeat'), ref: REF }),
    z.object({ type: z.literal('refresh'), ref: REF, token: TOKEN }),
    z.object({
      ...{ type: z.literal('hello'), ref: REF },
      client: CLIENT_NAME,
      version: CLIENT_VERSION,
    }),
  ]);
}

function subscribe(limits: Limits) {
  return z.object({
    type: z.literal('subscribe'),
    ref: REF,
    topic: topicName(limits),
    subscription: optional(subscriptionName(limits)),
    ack: optional(oneOf(['explicit', 'none'], 'Whether messages are acknowledged.')),
    max_in_flight: optional(integer(LIMITS.inFlightMax, 'Delivered at a time, not settled.')),
    start: optional(START),
    ack_wait_ms: optional(ACK_WAIT_MS),
    max_deliver: optional(MAX_DELIVER),
    ordering: optional(oneOf(['none', 'key', 'topic'], 'Of redeliveries, too.')),
    exclusive: flag('Takes the subscription over from other sessions.'),
  });
}

function unsubscribe(limits: Limits) {
  return z.object({
    type: z.literal('unsubscribe'),
    ref: REF,
    topic: topicName(limits),
    subscription: optional(subscriptionName(limits)),
  });
}

/** About a delivery: by its message_id, or else by topic and sequence. */
function verdicts(limits: Limits) {
  const target = {
    ref: REF,
    subscription: optional(subscriptionName(limits)),
    message_id: optional(text('Of the message.').transform(via(readId))),
    topic: optional(topicName(limits)),
    sequence: z
      .unknown()
      .optional()
      .meta({ type: 'integer', description: 'Beside topic, from 1.' }),
  };
  const cumulative = flag('All up to the sequence; not with a message_id.');
  const delay_ms = optional(integer(delayRange(limits), 'It comes again after so long.'));
  const ms = optional(integer(LIMITS.ackWaitMs, 'More time for this attempt, in ms.'));
  const reason = optional(text('Kept with the failure.').max(REASON_CHARS_MAX));
  return [
    z
      .object({ type: z.literal('ack'), ...target, cumulative })
      .refine((ack) => !ack.cumulative || ack.message_id === null)
      .transform(via(readTarget)),
    z.object({ type: z.literal('nack'), ...target, delay_ms, reason }).transform(via(readTarget)),
    z.object({ type: z.literal('extend'), ...target, ms }).transform(via(readTarget)),
    z.object({ type: z.literal('reject'), ...target, reason }).transform(via(readTarget)),
  ] as const;
}

function readId(id: string): Uint8Array {
  const bytes = parseUuid(id);
  if (bytes === null) throw new RequestError('unknown_delivery', 'no such delivery', 'message_id');
  return bytes;
}

interface Target {
  message_id: Uint8Array | null;
  topic: string | null;
  sequence?: unknown;
}

function readTarget<T extends Target>({ message_id: messageId, sequence, ...frame }: T) {
  if (messageId !== null) return { ...frame, messageId, sequence: 0 };
  if (frame.topic !== null && Number.isSafeInteger(sequence) && Number(sequence) > 0) {
    return { ...frame, messageId, sequence: Number(sequence) };
  }
  throw new RequestError('invalid_field', 'message_id, or topic and sequence, must be given');
}
