/** What the move of a topic takes and answers. */
import { z } from 'zod';
import { tenantName } from './keys.js';
import { count, integer, members, optional } from './kinds.js';

/** A database has the number that metrics and health name it by. */
const DATABASE = { min: 1, max: 511 };

export const TOPIC_MOVE = members({
  database: integer(DATABASE, 'Of DATABASE_URL, counted from 1: where the topic is to be.'),
  tenant: optional(tenantName('tenant', 'invalid_field')),
});

export const TOPIC_MOVED = members({
  topic: z.string(),
  from: count('The database where it was, or still is.'),
  to: count('The database where it is, or will be.'),
  state: z.enum(['moved', 'moving']).describe('moving: it goes on; ask again.'),
});
