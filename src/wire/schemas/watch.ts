/** What the events of GET /api/stream hold. */
import { z } from 'zod';
import { eachMember } from '../../core/each-member.js';
import { CHARTED, NODE_CHARTED } from '../../core/figure-history.js';
import { HAPPENINGS } from '../../core/happening.js';
import { snakeMembers } from '../snake-case.js';
import { count, members, time } from './kinds.js';
import { NODE_LISTED, STATS, WHOLE_HEALTH } from './system.js';

/** `hello`, the first one. */
export const WATCH_HELLO = members({
  node: z.string().describe('NODE_ID.'),
  version: z.string(),
  page: z
    .string()
    .nullable()
    .describe('What the dashboard of this node loads first; null: it has none.'),
});

const MS = 'Unix ms.';
/** Those of the whole node are the operator's. */
const POINT = {
  ...snakeMembers(eachMember(CHARTED, (name) => z.number().describe(CHARTED[name]))),
  ...snakeMembers(
    eachMember(NODE_CHARTED, (name) => z.number().describe(NODE_CHARTED[name]).optional()),
  ),
};
const COLUMNS = {
  ...snakeMembers(eachMember(CHARTED, (name) => z.array(z.number()).describe(CHARTED[name]))),
  ...snakeMembers(
    eachMember(NODE_CHARTED, (name) => z.array(z.number()).describe(NODE_CHARTED[name]).optional()),
  ),
};

/** `history`: one column a figure, the oldest first. */
export const WATCH_HISTORY = members({ at_ms: z.array(z.number()).describe(MS), ...COLUMNS });

/** `figures`, once a second. */
export const WATCH_FIGURES = members({
  point: members({ at_ms: z.number().describe(MS), ...POINT }),
  stats: STATS.describe('As GET /api/stats; totals of the log may be some seconds old.'),
});

/** `failed`, in place of figures. */
export const WATCH_FAILED = members({ code: z.string(), detail: z.string() });

/** What a durable subscription needs somebody for. */
export const CONCERN = members({
  topic: z.string(),
  name: z.string(),
  why: z
    .enum(['paused', 'nobody', 'behind', 'slow'])
    .describe(
      'nobody: no session has it, and messages wait. behind: more than 1,000 wait. ' +
        'slow: one is not acknowledged for a minute.',
    ),
  lag: count('As in GET /api/subscriptions.'),
  oldest_unacked_ms: z.number().nullable().describe('As there.'),
});

/** `condition`, every two seconds, and when somebody comes. */
export const WATCH_CONDITION = members({
  health: WHOLE_HEALTH.describe('As GET /api/health.'),
  nodes: z.array(NODE_LISTED).optional().describe('As GET /api/nodes. Scope operate.'),
  concerns: z
    .array(CONCERN)
    .optional()
    .describe('Of the first 200 durable subscriptions by topic and name. Scope subscribe.'),
});

/** `happened`. */
export const WATCH_HAPPENED = members({
  kind: z.enum(Object.keys(HAPPENINGS) as [keyof typeof HAPPENINGS]),
  at: time('The last of them.'),
  topic: z.string().optional().describe('Absent: of none, or of several.'),
  name: z.string().optional().describe('Of the subscription, the client, the node or the thread.'),
  count: count('How many; more than one where they came too fast to be told one by one.'),
});
