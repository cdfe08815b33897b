/**
 * The frames that the server sends, by their type: what wire/server-frame-types.ts says, for whoever reads
 * them or describes them. None is checked while it is sent.
 */
import { z } from 'zod';
import type { ErrorCode } from '../../core/errors.js';
import { ERRORS } from '../../core/errors.js';
import { GAP_REASONS, STREAM_GAP_REASONS } from '../../core/gap-reason.js';
import type { ServerFrame } from '../server-frame-types.js';
import { count, time } from './kinds.js';
import { ACCEPTED, DUPLICATE, PLACE } from './publishes.js';
import { MESSAGE_MEMBERS } from './topics.js';

const TOPIC = z.string().describe('Name of the topic.');
const SUBSCRIPTION = z
  .string()
  .optional()
  .describe('Name of the durable subscription; absent: an ephemeral one.');
const MARK = z.union([z.string(), z.number(), z.bigint()]).describe('As the client sent it.');
const REF = MARK.optional();
const CODE = z.enum(Object.keys(ERRORS) as ErrorCode[]);

const GAP = {
  from: count('The first sequence that is not given.'),
  to: count('The last one.'),
  reason: z.enum([...GAP_REASONS, ...STREAM_GAP_REASONS]).describe('See "Gaps".'),
};

/** The two forms of `published`: of a message that is in the log, and of one that waits for its time. */
const { deferred_id, topic, deliver_at, ...released } = ACCEPTED.shape;
const PUBLISHED = { type: z.literal('published'), ref: REF };
const PUBLISHED_FORMS = [
  z.strictObject({ ...PUBLISHED, ...PLACE, duplicate: DUPLICATE }),
  z.strictObject({ ...PUBLISHED, deferred_id, topic, deliver_at, ...released }),
] as const;

const { key, headers, ...message } = MESSAGE_MEMBERS;

export const SERVER_FRAMES = {
  subscribed: z.strictObject({
    type: z.literal('subscribed'),
    topic: TOPIC,
    subscription: SUBSCRIPTION,
    epoch: z.string().describe('Incarnation of the log: 1 to 32 of 0-9 a-z, opaque.'),
    sequence: count('Of the last message of the topic; 0: it has none.'),
    recovered: z
      .boolean()
      .optional()
      .describe('Everything since the asked position is given; absent: no position was asked for.'),
    gap: z.strictObject(GAP).optional().describe('What cannot be given.'),
    ref: REF,
  }),
  unsubscribed: z.strictObject({
    type: z.literal('unsubscribed'),
    topic: TOPIC,
    subscription: SUBSCRIPTION,
    reason: z
      .union([z.enum(['topic_deleted', 'taken_over', 'subscription_deleted']), CODE])
      .optional()
      .describe('Absent: it was asked for.'),
    ref: REF,
  }),
  message: z.strictObject({
    type: z.literal('message'),
    ...message,
    attempt: count('From 1: how often it was given to this subscription.'),
    subscription: z
      .string()
      .optional()
      .describe('Name of the durable subscription, where it is needed to tell which it is.'),
    key,
    headers,
  }),
  caught_up: z.strictObject({
    type: z.literal('caught_up'),
    topic: TOPIC,
    subscription: SUBSCRIPTION,
    sequence: count('The last one that was there when it began.'),
  }),
  gap: z.strictObject({ type: z.literal('gap'), topic: TOPIC, ...GAP }),
  published: z.union(PUBLISHED_FORMS),
  acked: z.strictObject({ type: z.literal('acked'), ref: MARK }),
  heartbeat_ack: z.strictObject({ type: z.literal('heartbeat_ack'), ref: REF }),
  refreshed: z.strictObject({
    type: z.literal('refreshed'),
    expires_at: time('When the token that the session goes on with runs out.'),
    ref: REF,
  }),
  expiring: z.strictObject({
    type: z.literal('expiring'),
    expires_at: time('When the token runs out: in 30 s at most.'),
  }),
  error: z.strictObject({
    type: z.literal('error'),
    code: CODE.describe('Stable: see errors.md.'),
    message: z.string().describe('For people.'),
    ref: REF,
  }),
  disconnect: z.strictObject({
    type: z.literal('disconnect'),
    code: z.int().describe('The close code.'),
    reason: z
      .string()
      .describe('For people; of an event stream that is turned away, an error code.'),
    reconnect: z.boolean().describe('Whether coming back makes sense.'),
    retry_after_ms: count('Come back after so many milliseconds.').optional(),
  }),
} satisfies { [T in ServerFrame['type']]: z.ZodType<Extract<ServerFrame, { type: T }>> };
