import type { ConduitName } from '../conduit.js';
import { extra } from '../figure.js';
import { goal, reaches } from '../goal.js';
import type { Entry, Scenario } from '../scenario.js';

const TIMES = extra(
  'times_alone',
  'answer p99 beside a busy topic, by its p99 alone',
  'times',
  'lower',
);

export const quiet: Scenario = {
  name: 'quiet',
  measures:
    'The p99 of a topic with 100 publishes a second (open loop, one subscriber) while another topic ' +
    'is at its ceiling (256 connections, closed loop), by its p99 when the node has nothing else.',
  figure: TIMES,
  goals: [goal('<= 3x its unloaded p99', reaches('durable', TIMES, 3))],
  entries: [{ ...entry('durable', 'conduit'), quick: {} }, entry('memory', 'conduit-memory')],
};

function entry(name: string, contender: ConduitName): Entry {
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
        subscribers: 1,
        ack: 'cumulative',
      },
      // Nobody listens: a log in memory would run past a subscriber, which is told and counts as a gap.
      warm: { topic: 'warm', publishers: 256, rate: 0, subscribers: 0 },
      busy: { topic: 'busy', publish: 'http', publishers: 256 },
    },
  };
}
