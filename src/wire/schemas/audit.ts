/** What /api/audit takes and answers. */
import { z } from 'zod';
import type { Limits } from '../../core/limits.js';
import { tenantName } from './keys.js';
import { count, integer, members, oneOf, optional, time, withDefault } from './kinds.js';
import { pageLimit } from './topics.js';

const ID = { min: 0, max: Number.MAX_SAFE_INTEGER };

export function auditPage(limits: Limits) {
  return members({
    tenant: optional(tenantName('tenant', 'tenant_not_found')),
    limit: pageLimit(limits),
    after: optional(integer(ID, 'Entries behind this id: `next` of the page before.')),
    order: withDefault(oneOf(['asc', 'desc'], 'By id; asc without it, the oldest first.'), 'asc'),
  });
}

export const AUDIT_ENTRY = members({
  id: count('In the order of writing.'),
  at: time('When it was done, by the clock of the database.'),
  tenant: z.string().describe('Whose the object is.'),
  actor: z
    .string()
    .describe('Id of the API key, or the variable of a configured one; empty: nobody knows.'),
  address: z.string().describe('Of the client; empty: it is not known.'),
  action: z.string().describe('What was asked for, such as `topic.delete`.'),
  object: z.string().describe('To what: names, with slashes between.'),
  outcome: z.string().describe('`ok`, or the code of the error.'),
  times: count('More than 1: attempts that failed alike within seconds.'),
  request_id: z.string().describe('As the answer has it in X-Request-Id.'),
});

export const AUDIT_PAGE = members({
  entries: z.array(AUDIT_ENTRY),
  next: count('What to go on after; absent: that was all.').optional(),
});
