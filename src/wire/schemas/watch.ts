/** What the events of GET /api/stream hold. */
import { z } from 'zod';
import { eachMember } from '../../core/each-member.js';
import { CHARTED, NODE_CHARTED } from '../../core/figure-history.js';
import { HAPPENINGS } from '../../core/happening.js';
import { snakeMembers } from '../snake-case.js';
import { count, members, time } from './kinds.js';
import { STATS } from './system.js';

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

/** `happened`. */
export const WATCH_HAPPENED = members({
  kind: z.enum(Object.keys(HAPPENINGS) as [keyof typeof HAPPENINGS]),
  at: time('The last of them.'),
  topic: z.string().optional().describe('Absent: of none, or of several.'),
  name: z.string().optional().describe('Of the subscription, the client, the node or the thread.'),
  count: count('How many; more than one where they came too fast to be told one by one.'),
});
