import { extra } from '../figure.js';
import { goal, reaches } from '../goal.js';
import type { LoadOptions } from '../loadgen.js';
import type { ContenderName, Entry, Scenario } from '../scenario.js';

const TIMES = extra(
  'times_alone',
  'answer p99 beside a busy topic, by its p99 alone',
  'times',
  'lower',
);

const LISTENED: LoadOptions = { subscribers: 1, ack: 'cumulative' };
const NOBODY: LoadOptions = { subscribers: 0 };

export const quiet: Scenario = {
  name: 'quiet',
  measures:
    'The p99 of a topic with 100 publishes a second (open loop, one subscriber) while another topic ' +
    'is at its ceiling (256 connections, closed loop), by its p99 when the node has nothing else.',
  figure: TIMES,
  goals: [goal('<= 3x its unloaded p99', reaches('durable', TIMES, 3))],
  entries: [
    // It has no topics: what it shows is how long a thread with 256 busy connections lets any other wait.
    { ...entry('bare-uws', 'bare-uws', NOBODY), peer: true },
    { ...entry('durable', 'conduit', LISTENED), quick: {} },
    entry('memory', 'conduit-memory', LISTENED),
  ],
};

function entry(name: string, contender: ContenderName, audience: LoadOptions): Entry {
  return {
    name,
    contender,
    work: {
      kind: 'beside',
      load: {
        topic: 'quiet',
        publish: 'http',
        publishers: 4,
        rate: 100,
        ...audience,
      },
      // Nobody listens: a log in memory would run past a subscriber, which is told and counts as a gap.
      warm: { topic: 'warm', publishers: 256, rate: 0, subscribers: 0 },
      busy: { topic: 'busy', publish: 'http', publishers: 256 },
    },
  };
}
