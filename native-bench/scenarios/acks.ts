import { answer } from '../figure.js';
import { goal, ratioReaches } from '../goal.js';
import type { LoadOptions } from '../loadgen.js';
import type { Entry, Scenario } from '../scenario.js';

const P99 = answer('p99');

export const acks: Scenario = {
  name: 'acks',
  measures:
    '100 publishes a second (open loop, HTTP) to 1,000 durable subscriptions: the p99 of the answer when ' +
    'each delivery is acknowledged by a frame of its own, beside that without acknowledgements.',
  figure: P99,
  goals: [goal('with acks <= 2x without', ratioReaches('single acks', 'ack none', P99, 2))],
  entries: [
    { ...entry('ack none', { ack: 'none' }), quick: {} },
    {
      ...entry('single acks', { ack: 'single', maxInFlight: 256 }),
      against: 'ack none',
      quick: {},
    },
  ],
};

function entry(name: string, how: LoadOptions): Entry {
  return {
    name,
    contender: 'conduit',
    work: {
      kind: 'load',
      count: 'published',
      load: { topic: 'acks', publish: 'http', publishers: 8, rate: 100 },
      audience: { topic: 'acks', subscribers: 1_000, subscription: 's', ...how },
      warm: { topic: 'warm', rate: 0, subscribers: 100, subscription: 'w', ...how },
    },
  };
}
