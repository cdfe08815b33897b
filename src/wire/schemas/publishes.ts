/**
 * What a publish says, and what is answered. The node reads publishes with its scanners, not with these; a
 * property test holds that both take and refuse the same, with the same values. Members that are not known
 * are let pass.
 */
import { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import { parseRfc3339 } from '../../core/time.js';
import { delayRange, POSITIVE } from '../fields.js';
import { isDedupeKey, isKey } from '../publish-fields.js';
import { count, integer, members, optional, text, time, uuid, via } from './kinds.js';
import { topicName } from './names.js';

/** Members of a publish, in a body, a batch and a frame alike. */
export function publishMembers(limits: Limits) {
  const { keyBytesMax, dedupeKeyBytesMax } = limits;
  return {
    topic: topicName(limits),
    payload: z
      .unknown()
      .transform(via(presentPayload))
      .describe('Any JSON value, at most PAYLOAD_BYTES_MAX bytes as it is sent.'),
    key: optional(
      text('Of the order of deliveries; 1 to KEY_BYTES_MAX bytes.').refine(
        (key) => isKey(key, keyBytesMax),
        `must be 1 to ${keyBytesMax} bytes (KEY_BYTES_MAX) of text`,
      ),
    ),
    headers: optional(headers(limits)),
    dedupe_key: optional(
      text('A second publish with it is not stored; 1 to DEDUPE_KEY_BYTES_MAX bytes.').refine(
        (key) => isDedupeKey(key, dedupeKeyBytesMax),
        `must be 1 to ${dedupeKeyBytesMax} bytes (DEDUPE_KEY_BYTES_MAX) without control characters`,
      ),
    ),
    ttl_ms: optional(integer(POSITIVE, 'After so long it is not delivered any more.')),
    delay_ms: optional(integer(delayRange(limits), 'It is published after so long.')),
    deliver_at: optional(
      text('It is published then; RFC 3339.').refine(
        (at) => parseRfc3339(at) !== null,
        'must be an RFC 3339 time',
      ),
    ),
  };
}

export function publish(limits: Limits) {
  return z
    .object(publishMembers(limits))
    .refine(isOneTime, { error: 'not together with delay_ms', path: ['deliver_at'] });
}

/** As JSON and msgpack; a list alone, and a line for each, say the same. */
export function publishBatch(limits: Limits) {
  const { batchItemsMax } = limits;
  return z.object({
    messages: z.array(publish(limits)).max(batchItemsMax).describe('At most BATCH_ITEMS_MAX.'),
  });
}

export function isOneTime(times: { delay_ms: number | null; deliver_at: string | null }): boolean {
  return times.delay_ms === null || times.deliver_at === null;
}

function presentPayload(payload: unknown): unknown {
  if (payload !== undefined) return payload;
  throw new RequestError('payload_required', 'is required', 'payload');
}

function headers({ headerPairsMax, headerBytesMax }: Limits) {
  return z
    .record(z.string(), z.string(), 'must map strings to strings')
    .refine(
      (map) => Object.keys(map).length <= headerPairsMax,
      `more than ${headerPairsMax} headers (HEADER_PAIRS_MAX)`,
    )
    .refine(
      (map) => Buffer.byteLength(JSON.stringify(map)) <= headerBytesMax,
      `more than ${headerBytesMax} bytes (HEADER_BYTES_MAX)`,
    )
    .describe('Come with every delivery; at most HEADER_PAIRS_MAX, of HEADER_BYTES_MAX bytes.');
}

/** Where a message is, once it is committed. */
export const PLACE = {
  message_id: uuid('The same in every delivery.'),
  topic: z.string(),
  sequence: count('Its place in the topic, from 1.'),
  published_at: time('When it was committed.'),
};
export const DUPLICATE = z
  .literal(true)
  .optional()
  .describe('The first publish with this dedupe key.');

export const PUBLISH_HEADERS = members({
  'Idempotency-Key': text(
    'A dedupe_key, quoted or not; of a batch, each has :INDEX behind it.',
  ).optional(),
});

export const PUBLISHED = z.strictObject({
  ...PLACE,
  epoch: z.string().describe('Of the log; opaque.'),
  subscribers: count('Subscriptions that were open.'),
  duplicate: DUPLICATE,
});

/** With the members of `PLACE` once it is released, for a repeat of it. */
export const ACCEPTED = z.strictObject({
  ...z.object(PLACE).partial().shape,
  deferred_id: count('What cancels it.'),
  topic: z.string(),
  deliver_at: time('When it is published.'),
  duplicate: DUPLICATE,
});

const FAILED_ITEM = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    detail: z.string(),
    field: z.string().optional(),
    status: z.int().describe('Of HTTP, were it alone.'),
    retryable: z.boolean().describe('The same message may be taken later.'),
  }),
});

export const BATCH_RESULTS = z.strictObject({
  results: z
    .array(z.union([z.strictObject({ ...PLACE, duplicate: DUPLICATE }), ACCEPTED, FAILED_ITEM]))
    .describe('One for each message, in its place.'),
});

const CLOUD_EVENT = z
  .looseObject({
    id: text('Beside `source` it makes the dedupe_key.'),
    source: text('A URI reference.'),
    type: text('What happened.'),
    specversion: z.literal('1.0'),
    datacontenttype: optional(text('Of the data; JSON without it.')),
    subject: optional(text('Of the source.')),
    time: optional(text('RFC 3339.')),
    partitionkey: optional(text('The key of the message.')),
    data: z.unknown().optional().describe('The payload.'),
    data_base64: optional(text('In place of data.')),
  })
  .describe('A CloudEvent 1.0 in JSON; other members are extension attributes.');

/** For the description: what is sent is read by wire/cloud-event-json.ts. */
export const CLOUD_EVENTS = z.union([CLOUD_EVENT, z.array(CLOUD_EVENT)]);

export const EVENT_HEADERS = members({
  'ce-id': text('In binary mode; with `ce-source` it makes the dedupe_key.').optional(),
  'ce-source': text('In binary mode: a URI reference.').optional(),
  'ce-type': text('In binary mode.').optional(),
  'ce-specversion': text(
    'In binary mode: 1.0. Other headers `ce-NAME` are attributes, too.',
  ).optional(),
});

/** Of one event, or of a list. */
export const EVENT_RESULTS = z.union([PUBLISHED, BATCH_RESULTS]);
