/** What /api/topics takes and answers. */
import { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import { messageFilter } from '../../core/message-filter.js';
import { parseRfc3339 } from '../../core/time.js';
import type { IntegerRange } from '../fields.js';
import {
  count,
  integer,
  members,
  oneOf,
  optional,
  text,
  time,
  uuid,
  via,
  withDefault,
} from './kinds.js';
import { topicName } from './names.js';

const UNBOUNDED: IntegerRange = { min: 1, max: Number.MAX_SAFE_INTEGER };

export function topicPath(limits: Limits) {
  return members({ name: topicName(limits) });
}

/** How many a page holds; the most by default. */
export function pageLimit({ pageItemsMax: max }: Limits) {
  const range = { min: 1, max, variable: 'PAGE_ITEMS_MAX' };
  return withDefault(integer(range, `Items of a page; ${max} without it.`), max);
}

function retentionFields({ retentionHours: max }: Limits) {
  const hours = { min: 1, max, variable: 'RETENTION_HOURS' };
  return members({
    hours: optional(integer(hours, 'How long a message is kept, in hours.')),
    messages: optional(integer(UNBOUNDED, 'How many messages are kept.')),
    bytes: optional(integer(UNBOUNDED, 'How many bytes of payloads are kept.')),
  }).describe('What the topic keeps; what is null, or left out, does not bound it.');
}

export function newTopic(limits: Limits) {
  return members({ name: topicName(limits, 'name'), retention: optional(retentionFields(limits)) });
}

export function topicPatch(limits: Limits) {
  return members({ retention: retentionFields(limits) });
}

export function topicPage(limits: Limits) {
  return members({
    limit: pageLimit(limits),
    after: withDefault(text('Names behind this one: `next` of the page before.'), ''),
    prefix: withDefault(text('Names that begin so.'), ''),
    with: optional(oneOf(['lag'], 'Each with `lag`, `dead_letters` and `worker`.')),
  });
}

/** As it was sent; throws for one that cannot be read. */
function filterText(text: string): string {
  messageFilter(text);
  return text;
}

function timeMsOf(text: string): number {
  const timeMs = parseRfc3339(text);
  if (timeMs !== null) return timeMs;
  throw new RequestError('invalid_query', 'must be an RFC 3339 time', 'from_time');
}

export function messagePage(limits: Limits) {
  const time = text('Those of this time or later; with desc of this time or before. RFC 3339.');
  const filter = text('Those for which it is so: payload.amount > 50 && key == "eu".');
  return members({
    from_sequence: optional(integer(UNBOUNDED, 'The first one: `next` of the page before.')),
    from_time: optional(time.transform(via(timeMsOf))),
    filter: optional(filter.transform(via(filterText))),
    limit: pageLimit(limits),
    order: withDefault(oneOf(['asc', 'desc'], 'By sequence; asc without it.'), 'asc'),
  });
}

const bound = (description: string) => count(description).nullable();

export const TOPIC = members({
  name: z.string(),
  subscriber_count: count('Subscriptions that are open, on this node.'),
  message_count: count('Messages that can be read.'),
  created_at: time('When it was created.'),
  sequence: count('Of its last message; 0: there was none.'),
  first_sequence: count('Of the first message that can be read, or of the next one.'),
  bytes: count('Of the payloads that can be read, about.'),
  retention: members({
    hours: bound('How long a message is kept, in hours; null: RETENTION_HOURS.'),
    messages: bound('How many messages are kept; null: any number.'),
    bytes: bound('How many bytes of payloads are kept; null: any number.'),
  }),
  lag: count('Not settled by the durable subscription that is furthest behind; null: it has none.')
    .nullable()
    .optional(),
  dead_letters: count('That are kept, up to 1,000: as many, or more.').optional(),
  worker: count('Of the node that answers: the one that has it, by its number.').optional(),
});

export const TOPIC_PAGE = members({
  topics: z.array(TOPIC),
  next: z.string().optional().describe('What to go on after; absent: that was all.'),
});

export const STREAM_MEMBERS = {
  format: optional(oneOf(['message', 'cloudevents'], 'What the data of a message is.')),
};

export const STREAM_HEADERS = members({
  Accept: text('With `application/cloudevents+json` as `format=cloudevents`.').optional(),
  'Last-Event-ID': text(
    'EPOCH:SEQUENCE of the last event that came: it goes on behind it.',
  ).optional(),
});

export const POSITION = members({
  epoch: z.string().describe('Of the log; opaque.'),
  sequence: count('Of the last message.'),
  first_sequence: count('Of the first message that can be read, or of the next one.'),
});

/** What all messages are shown with, whatever is added. */
export const MESSAGE_MEMBERS = {
  message_id: uuid('The same in every delivery.'),
  topic: z.string(),
  payload: z.unknown().describe('Any JSON value, as it was sent.'),
  published_at: time('When it was committed.'),
  sequence: count('Its place in the topic, from 1.'),
  key: z.string().optional().describe('Of its order.'),
  headers: z.record(z.string(), z.string()).optional(),
};

export const MESSAGE_PAGE = members({
  messages: z.array(members(MESSAGE_MEMBERS)),
  scanned: count('Messages that the filter was asked about, for this page.').optional(),
  matched: count('Those that it let pass.').optional(),
  next: count('What to go on at; absent: that was all.').optional(),
});
