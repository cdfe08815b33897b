import { DELIVERIES } from '../figure.js';
import type { LoadWork, Scenario } from '../scenario.js';

const MESSAGES = 50_000;
/** The measurement ends by its count. */
const LIMIT_S = 120;

export const replay: Scenario = {
  name: 'replay',
  measures: '10 subscribers read 50,000 messages of one topic from the earliest on, ack none.',
  figure: DELIVERIES,
  goals: [],
  entries: [
    {
      name: 'memory',
      contender: 'conduit-memory',
      work: work(),
      quick: { load: { messages: 10_000 } },
    },
    {
      name: 'durable',
      contender: 'conduit',
      work: work(),
      against: 'memory',
      quick: { load: { messages: 10_000 } },
    },
  ],
};

function work(): LoadWork {
  return {
    kind: 'load',
    count: 'delivered',
    load: {
      subscribers: 10,
      ack: 'none',
      from: 'earliest',
      messages: MESSAGES,
      warmup: 0,
      duration: LIMIT_S,
    },
    before: { publish: 'http', publishers: 1, batch: 500, messages: MESSAGES },
  };
}
