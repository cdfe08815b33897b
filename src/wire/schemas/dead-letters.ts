/** What /api/dead-letters, /api/jobs and /api/messages take and answer. */
import { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import { AFTER_ID } from './deferred.js';
import { count, integer, members, optional, text, time, uuid, via, withDefault } from './kinds.js';
import { messageId, numericId, subscriptionName, topicName } from './names.js';
import { MESSAGE_MEMBERS, pageLimit } from './topics.js';

const IDS_MAX = 1_000;
const REDRIVE_MAX = 10_000_000;
const RATE_MAX = 100_000;
const RATE_DEFAULT = 1_000;

/** Which dead letters: those of `ids`, or else of the topic, and of the subscription unless it is null. */
export interface LetterNames {
  topic: string | null;
  subscription: string | null;
  ids: number[] | null;
}

export const LETTER_PATH = members({ id: numericId('dead_letter_not_found', 'dead letter') });
export const JOB_PATH = members({ id: z.string().describe('The job_id.') });
export const MESSAGE_PATH = members({ id: messageId() });

export function letterPage(limits: Limits) {
  return members({
    topic: optional(topicName(limits)),
    subscription: optional(subscriptionName(limits)),
    limit: optional(
      integer(
        { min: 1, max: limits.pageItemsMax, variable: 'PAGE_ITEMS_MAX' },
        'Items of a page, or of an export; an export gives all without it.',
      ),
    ),
    after: AFTER_ID,
  });
}

export function letterGroups(limits: Limits) {
  return members({
    topic: optional(topicName(limits)),
    subscription: optional(subscriptionName(limits)),
  });
}

/** In one look: a schema for each of them costs half a millisecond for a thousand. */
function ids() {
  const detail = `must be an array of 1 to ${IDS_MAX} ids`;
  const read = (values: unknown[]): number[] => {
    if (values.length > 0 && values.length <= IDS_MAX && values.every(isId)) return values;
    throw new RequestError('invalid_field', detail);
  };
  const items = { type: 'integer', minimum: 1 };
  const array = z.array(z.unknown(), { error: detail }).transform(via(read));
  return array.meta({ items, minItems: 1, maxItems: IDS_MAX });
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

function filterMembers(limits: Limits) {
  return {
    ids: optional(ids().describe('Which ones; not together with a topic.')),
    topic: optional(topicName(limits)),
    subscription: optional(subscriptionName(limits)),
    plan: withDefault(
      z.boolean({ error: 'must be true or false' }).describe('It is counted, and nothing is done.'),
      false,
    ),
  };
}

function isAmbiguous({ ids: named, topic, subscription }: LetterNames): string | null {
  if (named === null) return topic === null ? 'ids or topic is required' : null;
  return topic === null && subscription === null ? null : 'not together with topic or subscription';
}

function readFilter<T extends LetterNames>(filter: T): T {
  const detail = isAmbiguous(filter);
  if (detail === null) return filter;
  throw new RequestError('invalid_field', detail, 'ids');
}

/** A topic is enough. */
export function purge(limits: Limits) {
  return members(filterMembers(limits)).transform(via(readFilter));
}

export function redrive(limits: Limits) {
  const all = members({
    ...filterMembers(limits),
    limit: withDefault(integer({ min: 1, max: REDRIVE_MAX }, 'At most so many.'), REDRIVE_MAX),
    rate_per_s: withDefault(
      integer({ min: 1, max: RATE_MAX }, `So many in a second; ${RATE_DEFAULT} without it.`),
      RATE_DEFAULT,
    ),
  });
  return all.transform(
    via((asked) => {
      const filter = readFilter(asked);
      if (filter.ids !== null || filter.subscription !== null) return filter;
      throw new RequestError('invalid_field', 'is required beside topic', 'subscription');
    }),
  );
}

export function tracePage(limits: Limits) {
  return members({
    limit: pageLimit(limits),
    after: withDefault(text('Subscriptions behind this name: `next` of the page before.'), ''),
  });
}

const SUBSCRIPTION_OF = z.string().nullable().describe('null: it was ephemeral.');
const SESSION_OF = z.string().optional().describe('Of an ephemeral subscription.');

export const LETTER = members({
  ...MESSAGE_MEMBERS,
  id: count('Of the dead letter.'),
  subscription: SUBSCRIPTION_OF,
  session: SESSION_OF,
  reason: z.string().describe('Why it was given up.'),
  attempts: count('Deliveries that failed.'),
  first_failed_at: time('When the first attempt failed.'),
  last_failed_at: time('When the last one did.'),
  last_error: z.string().nullable().describe('What the subscriber said.'),
  redriven_count: count('How often it was given back.'),
});

export const LETTER_PAGE = members({
  dead_letters: z.array(LETTER),
  next: count('What to go on after; absent: that was all.').optional(),
});

export const LETTER_GROUPS = members({
  groups: z
    .array(
      members({
        topic: z.string(),
        subscription: SUBSCRIPTION_OF,
        reason: z.string().describe('Why they were given up.'),
        error: z.string().nullable().describe('What the subscriber said, its beginning.'),
        count: count('How many, of the oldest 10,000 of a database.'),
        first_failed_at: time('When the first of them failed first.'),
        last_failed_at: time('When the last of them failed last.'),
      }),
    )
    .describe('The largest first, at most 100.'),
});

/** Of what was to be counted; absent where it was done. */
const PLANNED = count('Dead letters that it is about.');

export const PURGED = members({
  purged: count('So many are gone; 0 of a plan.'),
  matched: PLANNED.optional(),
});

export const JOB_STARTED = members({
  job_id: uuid('Of the job; absent: it was a plan.').optional(),
  matched: PLANNED,
});

export const JOB = members({
  job_id: z.string(),
  state: z.enum(['running', 'failed', 'cancelled', 'done']),
  done: count('Given back.'),
  total: count('Matched when it began.'),
  failed: count('That could not be given back.'),
});

const ATTEMPT = count('Of the delivery, from 1.');

export const TRACE = members({
  ...MESSAGE_MEMBERS,
  deliveries: z
    .array(
      members({
        subscription: z.string(),
        state: z.enum(['pending', 'in_flight', 'waiting', 'acked', 'dead_lettered']),
        attempt: ATTEMPT.optional(),
        session: z.string().optional().describe('That it was sent to.'),
        next_attempt_at: time('When it is sent again, at the soonest.').optional(),
        last_error: z.string().nullable().optional(),
        reason: z.string().optional(),
      }),
    )
    .describe('What became of it, in each durable subscription.'),
  failures: z.array(
    members({
      subscription: SUBSCRIPTION_OF,
      session: z.string().nullable().optional(),
      attempt: ATTEMPT,
      at: time('When it failed.'),
      outcome: z.string(),
      reason: z.string().nullable(),
    }),
  ),
  dead_letters: z.array(
    members({ id: count(''), subscription: SUBSCRIPTION_OF, session: SESSION_OF }),
  ),
  next: z.string().optional().describe('What to go on after; absent: that was all.'),
});
