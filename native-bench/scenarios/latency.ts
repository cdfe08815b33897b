import { answer, receive } from '../figure.js';
import { goal, ratioReaches, reaches } from '../goal.js';
import type { LoadOptions } from '../loadgen.js';
import type { PeerName } from '../peers/peers.js';
import type { Entry, LoadWork, Scenario } from '../scenario.js';

const ANSWER = answer('p50');
const RECEIVE = receive('p50');

/** A publish at a time is a short way to compiled code. */
const QUICK = { load: { warmup: 1, duration: 1.5 } };

export const latency: Scenario = {
  name: 'latency',
  measures:
    'One publisher, one publish at a time, one subscriber: time to the answer, and from publish to ' +
    'receive, of a server that is warm. pgbench-single is a bare commit of one row on the same disk.',
  figure: ANSWER,
  goals: [
    goal(
      'durable p50 of the answer and of publish to receive <= 2.0x a bare single-row commit',
      ratioReaches('durable', 'pgbench-single', ANSWER, 2),
      ratioReaches('durable', 'pgbench-single', RECEIVE, 2, ANSWER),
    ),
    goal(
      'in memory p50 < 0.25 ms',
      reaches('memory', ANSWER, 250),
      reaches('memory', RECEIVE, 250),
    ),
  ],
  entries: [
    { name: 'pgbench-single', contender: 'pgbench-single', work: work({}), quick: {} },
    {
      name: 'bare-uws',
      contender: 'bare-uws',
      work: work({ publish: 'ws-raw', subscribe: 'ws-raw' }),
      quick: {},
    },
    {
      name: 'durable',
      contender: 'conduit',
      work: work({ publish: 'http', ack: 'cumulative' }),
      against: 'pgbench-single',
      quick: QUICK,
    },
    {
      name: 'memory',
      contender: 'conduit-memory',
      work: work({ publish: 'http', ack: 'cumulative' }),
      against: 'bare-uws',
      quick: QUICK,
    },
    {
      name: 'baseline',
      contender: 'baseline',
      work: work({ publish: 'http', subscribers: 0 }),
      against: 'pgbench-single',
      peer: true,
    },
    {
      name: 'redis-pubsub',
      contender: 'redis-pubsub',
      work: work({ publish: 'redis-pubsub', subscribe: 'redis-pubsub' }),
      against: 'bare-uws',
      peer: true,
    },
    {
      name: 'nats',
      contender: 'nats',
      work: work({ publish: 'nats', subscribe: 'nats' }),
      figure: RECEIVE,
      against: 'bare-uws',
      peer: true,
    },
    centrifugo('centrifugo', 'bare-uws'),
    centrifugo('centrifugo-redis', 'bare-uws'),
    centrifugo('centrifugo-postgres', 'pgbench-single'),
  ],
};

function work(load: LoadOptions): LoadWork {
  return {
    kind: 'load',
    count: 'published',
    load: { publishers: 1, subscribers: 1, ...load },
    warm: { topic: 'warm' },
  };
}

function centrifugo(name: PeerName, against: string): Entry {
  const load: LoadOptions = { publish: 'centrifugo', subscribe: 'centrifugo' };
  return { name, contender: name, work: work(load), against, peer: true };
}
