/** What /api/tenants and /api/keys take and answer. */
import { z } from 'zod';
import { isApiKeyId } from '../../core/api-key.js';
import { RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import { SCOPES } from '../../core/scope.js';
import { parseRfc3339 } from '../../core/time.js';
import { asTenant, type Tenant } from '../../core/topic-key.js';
import { isTopicPattern } from '../../core/topic-pattern.js';
import { integer, members, oneOf, optional, text, time, via, withDefault } from './kinds.js';
import { NEW_QUOTAS, QUOTA_CHANGES, SHOWN_QUOTAS } from './quotas.js';
import { pageLimit } from './topics.js';

const TENANT_NAME = /^[A-Za-z0-9_-]{1,64}$/;
const PATTERNS_MAX = 100;
const OVERLAP_S = { min: 0, max: 30 * 86_400 };
const OVERLAP_DEFAULT_S = 3_600;

/** What can be no tenant is not there. */
export function tenantName(field: string, whenNone: 'invalid_field' | 'tenant_not_found') {
  const read = (value: string): Tenant => {
    if (TENANT_NAME.test(value)) return asTenant(value);
    const rule = 'must be 1 to 64 of A-Z a-z 0-9 _ -';
    throw whenNone === 'tenant_not_found'
      ? new RequestError(whenNone, 'no such tenant', field)
      : new RequestError(whenNone, rule, field);
  };
  return text('Name of a tenant: letters, digits, _ and -.').transform(via(read));
}

export const NEW_TENANT = members({
  name: tenantName('name', 'invalid_field'),
  quotas: NEW_QUOTAS,
});
export const TENANT_PATCH = members({ quotas: QUOTA_CHANGES });
export const TENANT_PATH = members({ name: tenantName('name', 'tenant_not_found') });

export function tenantPage(limits: Limits) {
  return members({
    limit: pageLimit(limits),
    after: withDefault(text('Names behind this one: `next` of the page before.'), ''),
  });
}

export function keyPage(limits: Limits) {
  return members({
    tenant: optional(tenantName('tenant', 'tenant_not_found')),
    limit: pageLimit(limits),
    after: withDefault(text('Ids behind this one: `next` of the page before.'), ''),
  });
}

/** Of tokens, too. */
export function topicPatterns({ topicNameBytesMax }: Limits) {
  const read = (value: string): string => {
    if (isTopicPattern(value, topicNameBytesMax)) return value;
    const rule = 'takes names of topics, and NAME.* for all names below one';
    throw new RequestError('invalid_field', rule, 'topics');
  };
  const list = z.array(text('A name, or NAME.* for all below it.').transform(via(read)), {
    error: 'must be a list',
  });
  const error = `takes 1 to ${PATTERNS_MAX}; leave it out for all topics`;
  return list
    .min(1, { error })
    .max(PATTERNS_MAX, { error })
    .describe('Topics that it is for; all without it.');
}

const END = text('When it expires, RFC 3339.').transform(
  via((value) => {
    const ms = parseRfc3339(value);
    if (ms !== null) return ms;
    throw new RequestError('invalid_field', 'must be an RFC 3339 time', 'expires_at');
  }),
);

export function newKey(limits: Limits) {
  const scopes = z
    .array(oneOf(SCOPES, 'One of them.'), { error: 'must be a list' })
    .min(1, { error: 'takes at least one' })
    .max(SCOPES.length, { error: 'takes each once' })
    .describe('What it is good for.');
  return members({
    tenant: optional(tenantName('tenant', 'invalid_field')),
    scopes,
    topics: optional(topicPatterns(limits)),
    expires_at: optional(END),
  });
}

export const KEY_PATH = members({
  id: z
    .string()
    .describe('Id of a key.')
    .transform(
      via((value) => {
        if (isApiKeyId(value)) return value;
        throw new RequestError('key_not_found', 'no such key', 'id');
      }),
    ),
});

export const ROTATION = members({
  overlap_s: withDefault(
    integer(OVERLAP_S, 'For how long the key before goes on, in seconds; an hour without it.'),
    OVERLAP_DEFAULT_S,
  ),
});

const KEY_MEMBERS = {
  id: z.string().describe('Of the key; no secret.'),
  tenant: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  topics: z.array(z.string()).nullable().describe('null: all topics of the tenant.'),
  created_at: time('When it was made.'),
  expires_at: time('When it ends; null: it does not.').nullable(),
  last_used_at: time('To the minute; null: never.').nullable(),
};

export const KEY = members(KEY_MEMBERS);
export const SHOWN_KEY = members({
  ...KEY_MEMBERS,
  key: z.string().describe('The key itself, shown this once.'),
});
export const KEY_LIST = members({
  keys: z.array(KEY),
  next: z.string().optional().describe('What to go on after; absent: that was all.'),
});

export const TENANT = members({
  name: z.string(),
  created_at: time('When it was created.'),
  quotas: SHOWN_QUOTAS,
});
export const TENANT_LIST = members({
  tenants: z.array(TENANT),
  next: z.string().optional().describe('What to go on after; absent: that was all.'),
});
