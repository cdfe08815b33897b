/** What POST /api/tokens takes and answers, and what a token of the operator's issuer says for Conduit. */
import { z } from 'zod';
import type { Limits } from '../../core/limits.js';
import { VERBS } from '../../core/scope.js';
import { SUBJECT_CHARS_MAX } from '../../core/token.js';
import { topicPatterns } from './keys.js';
import { integer, members, oneOf, optional, text, time, withDefault } from './kinds.js';

/** As long as one visit of a page takes; never longer than the operator allows. */
const TTL_DEFAULT_S = 900;

const VERB_LIST = withDefault(
  z
    .array(oneOf(VERBS, 'One of them.'), { error: 'must be a list' })
    .min(1, { error: 'takes at least one' })
    .max(VERBS.length, { error: 'takes each once' })
    .describe('What it is good for: publish, subscribe; subscribe without it.'),
  ['subscribe'],
);

const SUBJECT_RULE = `takes 1 to ${SUBJECT_CHARS_MAX} characters`;
const SUBJECT = text(
  'Whom it is for, in words of your own: only a token for the same refreshes it.',
)
  .min(1, { error: SUBJECT_RULE })
  .max(SUBJECT_CHARS_MAX, { error: SUBJECT_RULE });

export function newToken(limits: Limits) {
  const { tokenTtlSMax: max } = limits;
  const ttl = integer(
    { min: 1, max, variable: 'TOKEN_TTL_S_MAX' },
    'How long it lives, in seconds.',
  );
  return members({
    verbs: VERB_LIST,
    topics: optional(topicPatterns(limits)),
    subject: optional(SUBJECT),
    ttl_s: withDefault(ttl, Math.min(TTL_DEFAULT_S, max)),
  });
}

/** Topics are named: what says nothing of them may not be meant for Conduit. */
export function issuerClaims(limits: Limits) {
  const conduit = members({
    tenant: optional(text('Of the tokens of this issuer.')),
    verbs: VERB_LIST,
    topics: topicPatterns(limits),
  });
  return z.object({ sub: optional(SUBJECT), conduit });
}

export const MADE_TOKEN = members({
  token: z.string().describe('The token itself, shown this once.'),
  tenant: z.string(),
  verbs: z.array(z.enum(VERBS)),
  topics: z.array(z.string()).nullable().describe('null: all topics of the tenant.'),
  subject: z.string().nullable().describe('null: nobody in particular.'),
  expires_at: time('When it runs out.'),
});
