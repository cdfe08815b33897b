/** What /api/sessions takes and answers, and what clients call themselves. */
import { z } from 'zod';
import { CLIENT_CHARS_MAX } from '../../core/client-name.js';
import type { Limits } from '../../core/limits.js';
import { tenantName } from './keys.js';
import { count, members, optional, text, time } from './kinds.js';
import { topicName } from './names.js';
import { pageLimit } from './topics.js';

function clientText(description: string) {
  const error = `has more than ${CLIENT_CHARS_MAX} characters`;
  return text(description).max(CLIENT_CHARS_MAX, { error });
}

/** Of a `hello`. */
export const CLIENT_NAME = clientText('What the client calls itself, for people.').min(1, {
  error: 'is empty',
});
export const CLIENT_VERSION = optional(clientText('Its version.'));

/** Of a URL. */
export const CLIENT_MEMBERS = { client: optional(CLIENT_NAME), version: CLIENT_VERSION };

export function sessionPage(limits: Limits) {
  return members({
    tenant: optional(tenantName('tenant', 'tenant_not_found')),
    topic: optional(topicName(limits)),
    limit: pageLimit(limits),
    after: optional(text('Sessions behind this id: `next` of the page before.')),
  });
}

export const SESSION_PATH = members({ id: z.string().describe('Id of a session.') });

const SESSION_SUBSCRIPTION = members({
  topic: z.string(),
  subscription: z.string().nullable().describe('Name of a durable one; null: ephemeral.'),
  ack: z.enum(['explicit', 'none']),
  in_flight: count('Delivered to it and not settled; null: its worker is busy.').nullable(),
  max_in_flight: count('Its window; null: it has none, or its worker is busy.').nullable(),
  lag: count(
    'Messages behind what is settled, of a shared one for all; null: as above.',
  ).nullable(),
});

export const SESSION = members({
  id: z.string().describe('Opaque; of one life of the node.'),
  tenant: z.string(),
  key_id: z
    .string()
    .nullable()
    .describe('Of its API key, or that of its token; null: none is asked for, or made it.'),
  node: z.string().describe('NODE_ID.'),
  format: z
    .enum(['single', 'json', 'msgpack', 'sse', 'pull', 'webhook'])
    .describe(
      'Frames: one JSON a message, joined JSON, joined msgpack; sse: a stream of events; pull: requests.',
    ),
  address: z.string().describe('Of the client; empty: it is gone.'),
  client: z.string().nullable().describe('What it calls itself; null: it has not said.'),
  version: z.string().nullable(),
  connected_at: time('When it came, by the clock of the node.'),
  subscriptions: z.array(SESSION_SUBSCRIPTION),
  in_flight: count('Of all its subscriptions.'),
  lag: count('Of all its subscriptions.'),
  buffer_bytes: count('That wait for its socket; null: of a stream it is not known.').nullable(),
});

export const SESSION_PAGE = members({
  sessions: z.array(SESSION),
  next: z.string().optional().describe('What to go on after; absent: that was all.'),
  unanswered: z
    .array(members({ node: z.string(), detail: z.string().describe('Why, in words.') }))
    .optional()
    .describe('Nodes that did not answer in time: their sessions are missing. Absent: none.'),
});
