/** What /api/deferred takes and answers. */
import { z } from 'zod';
import type { Limits } from '../../core/limits.js';
import { count, integer, members, optional, time, withDefault } from './kinds.js';
import { numericId, topicName } from './names.js';
import { pageLimit } from './topics.js';

/** Behind which a page of a list by id begins. */
export const AFTER_ID = withDefault(
  integer({ min: 0, max: Number.MAX_SAFE_INTEGER }, 'Ids behind this: `next` of the page before.'),
  0,
);

export const DEFERRED_PATH = members({ id: numericId('deferred_not_found', 'deferred message') });

export function deferredPage(limits: Limits) {
  return members({
    topic: optional(topicName(limits)),
    limit: pageLimit(limits),
    after: AFTER_ID,
  });
}

export const DEFERRED = members({
  id: count('The deferred_id.'),
  topic: z.string(),
  deliver_at: time('When it is published.'),
  created_at: time('When it was accepted.'),
  bytes: count('Of its payload.'),
});

export const DEFERRED_PAGE = members({
  deferred: z.array(DEFERRED),
  next: count('What to go on after; absent: that was all.').optional(),
});
