import { extra } from '../figure.js';
import { goal, reaches } from '../goal.js';
import type { LoadOptions } from '../loadgen.js';
import type { Entry, HeldWork, Scenario } from '../scenario.js';

const END = {
  ...times('end_by_before', 'rate at the end of the snapshot, by that before', 'higher'),
  isRatio: true,
} as const;
const HELD = times('held_by_before', 'rate under the snapshot, by that before', 'higher');
const AFTER = times('after_by_before', 'rate after its release, by that before', 'higher');
const P99 = times('p99_held_by_before', 'p99 under the snapshot, by that before', 'lower');
const P99_END = times('p99_end_by_before', 'p99 at its end, by that before', 'lower');
const P99_AFTER = times('p99_after_by_before', 'p99 after its release, by that before', 'lower');

/** Long enough to see whether rates fall, or still do. */
const SECONDS = 60;
const QUICK = { seconds: 2 };

const PUBLISHES = ['8 connections', '256 connections'];
const ACKED = 'acknowledged delivery';
const ALL = [...PUBLISHES, ACKED];

export const heldSnapshot: Scenario = {
  name: 'held-snapshot',
  measures:
    'Durable HTTP publishes (closed loop), alone or read by a durable subscription that acknowledges each ' +
    'one, before another session of the same database holds a snapshot, while it does (--held), and after; in ' +
    'turn with the same load in a database that nobody holds. Figures are by those of that control, and by the ' +
    'same before.',
  figure: END,
  runsMax: 1,
  goals: [
    goal(
      'durable publish under the snapshot >= 0.9 of before, at its end too',
      ...PUBLISHES.flatMap((name) => [reaches(name, HELD, 0.9), reaches(name, END, 0.9)]),
    ),
    goal(
      'p99 of the answer under the snapshot <= 1.3x that before, at its end too',
      ...PUBLISHES.flatMap((name) => [reaches(name, P99, 1.3), reaches(name, P99_END, 1.3)]),
    ),
    goal(
      'acknowledged delivery under the snapshot >= 0.9 of before, at its end too',
      reaches(ACKED, HELD, 0.9),
      reaches(ACKED, END, 0.9),
    ),
    goal(
      'after its release rates >= 0.9 of before',
      ...ALL.map((name) => reaches(name, AFTER, 0.9)),
    ),
    goal(
      'after its release p99 of the answer <= 1.3x that before',
      ...PUBLISHES.map((name) => reaches(name, P99_AFTER, 1.3)),
    ),
  ],
  entries: [
    { ...conduit('8 connections', 'published', { publishers: 8 }), quick: QUICK },
    conduit('256 connections', 'published', { publishers: 256 }),
    conduit(ACKED, 'delivered', {
      publishers: 64,
      subscribers: 1,
      subscription: 'held',
      ack: 'single',
      maxInFlight: 1_000,
      drain: 20,
    }),
    peer('pgbench', 'published'),
    peer('skip-locked-queue', 'delivered'),
  ],
};

function times(field: string, name: string, better: 'higher' | 'lower') {
  return extra(field, name, 'times', better);
}

function conduit(name: string, count: HeldWork['count'], load: LoadOptions): Entry {
  return {
    name,
    contender: 'conduit',
    work: { kind: 'held', count, seconds: SECONDS, load: { publish: 'http', ...load } },
  };
}

function peer(name: 'pgbench' | 'skip-locked-queue', count: HeldWork['count']): Entry {
  const work: HeldWork = { kind: 'held', count, seconds: SECONDS, load: {} };
  return { name, contender: name, work, peer: true };
}
