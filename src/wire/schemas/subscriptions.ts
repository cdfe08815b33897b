/** What /api/subscriptions takes and answers. */
import { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import { LIMITS, type Limits } from '../../core/limits.js';
import { startOf } from '../start.js';
import { count, integer, members, optional, text, time, via } from './kinds.js';
import { subscriptionName, topicName } from './names.js';
import { pageLimit } from './topics.js';

export interface SubscriptionPlace {
  topic: string;
  name: string;
}

export function subscriptionPath(limits: Limits) {
  return members({ topic: topicName(limits), name: subscriptionName(limits) });
}

/** `<topic>/<name>`, as `next` gave it: neither can hold a slash. */
function placeOf(next: string): SubscriptionPlace {
  const [topic = '', name = '', ...rest] = next.split('/');
  if (topic !== '' && name !== '' && rest.length === 0) return { topic, name };
  throw new RequestError('invalid_query', 'takes what `next` gave', 'after');
}

export function subscriptionPage(limits: Limits) {
  return members({
    topic: optional(topicName(limits)),
    limit: pageLimit(limits),
    after: optional(text('`next` of the page before.').transform(via(placeOf))),
  });
}

/** Of a subscribe frame, too; the first step of the doubling. */
export const ACK_WAIT_MS = integer(LIMITS.ackWaitMs, 'Wait for an acknowledgement, in ms.');
export const MAX_DELIVER = integer(LIMITS.maxDeliver, 'Attempts before the dead letter.');

export const SUBSCRIPTION_PATCH = members({
  ack_wait_ms: optional(ACK_WAIT_MS),
  max_deliver: optional(MAX_DELIVER),
});

/** Parts of a start, as they are sent; what they come to is wire/start.ts's. */
export const START_MEMBERS = {
  from: optional(text('latest, earliest, sequence or time; may be left out beside the last two.')),
  sequence: optional(
    integer({ min: 0, max: Number.MAX_SAFE_INTEGER }, 'The first message to come.'),
  ),
  epoch: optional(text('Of the sequence: it is taken to be of this log otherwise.')),
  time: optional(text('The first message of this time or later comes; RFC 3339.')),
};

/** As a member of a body. */
export const START = z
  .strictObject(START_MEMBERS)
  .transform(
    via((parts) =>
      startOf(parts, (part, detail) => new RequestError('bad_cursor', detail, `start.${part}`)),
    ),
  );

export const SEEK = members(START_MEMBERS).transform(
  via((parts) => startOf(parts, (part, detail) => new RequestError('bad_cursor', detail, part))),
);

export const SUBSCRIPTION = members({
  topic: z.string(),
  name: z.string(),
  created_at: time('When it was made.'),
  ack_wait_ms: count('Wait for an acknowledgement, in ms; doubled with every attempt.'),
  max_deliver: count('Attempts before the dead letter.'),
  ordering: z.string().describe('none, key or topic.'),
  paused: z.boolean(),
  ack_floor: count('All up to this sequence are settled.'),
  delivered: count('The last sequence that was sent.'),
  in_flight: count('Messages that were delivered and are not settled.'),
  parked: count('Messages that wait for one of their key that is in flight.'),
  oldest_unacked_ms: count(
    'Since the oldest of them was sent; null: none is in flight here.',
  ).nullable(),
  sessions: count('That have it open.'),
  lag: count('Messages above ack_floor.'),
  backlog: count('Messages that have yet to be sent.'),
});

export const SUBSCRIPTION_PAGE = members({
  subscriptions: z.array(SUBSCRIPTION),
  next: z.string().optional().describe('What to go on after; absent: that was all.'),
});
