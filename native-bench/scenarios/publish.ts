import { answer, PUBLISHES } from '../figure.js';
import { goal, ratioReaches, reaches } from '../goal.js';
import type { PublishProtocol } from '../loadgen.js';
import type { ContenderName, Entry, LoadWork, Scenario } from '../scenario.js';

const REFERENCE = { name: 'bare-uws', contender: 'bare-uws' } as const;

export const publish: Scenario = {
  name: 'publish',
  measures:
    'Single publishes of 150 bytes, 256 connections, each with one outstanding (closed loop); durable ' +
    'ones with what they leave on the disk, and of 8 connections and of one.',
  figure: PUBLISHES,
  goals: [
    goal(
      'durable >= 50,000/s with p99 < 30 ms and 0 errors',
      reaches('durable', PUBLISHES, 50_000),
      reaches('durable', answer('p99'), 30_000),
    ),
    goal(
      'durable >= 6x the best INSERT-per-publish baseline',
      ratioReaches('durable', 'baseline', PUBLISHES, 6),
      ratioReaches('durable', 'baseline-insert', PUBLISHES, 6),
    ),
    goal("durable >= 3x pgbench's INSERT", ratioReaches('durable', 'pgbench', PUBLISHES, 3)),
    goal('durable >= 0.55 of bare uWS', ratioReaches('durable', 'bare-uws', PUBLISHES, 0.55)),
    goal(
      'durable above a RabbitMQ quorum queue with confirms',
      ratioReaches('durable', 'rabbitmq', PUBLISHES, 1),
    ),
    goal('in memory >= 0.85 of bare uWS', ratioReaches('memory', 'bare-uws', PUBLISHES, 0.85)),
  ],
  entries: [
    { ...REFERENCE, work: work('http'), quick: {} },
    { ...durable('durable', 256), against: 'bare-uws', quick: {} },
    durable('durable, 8 connections', 8),
    durable('durable, 1 connection', 1),
    {
      name: 'memory',
      contender: 'conduit-memory',
      work: work('http'),
      against: 'bare-uws',
      quick: {},
    },
    peer('baseline', 'http'),
    peer('baseline-insert', 'http'),
    peer('pgbench', 'http'),
    peer('redis-stream', 'redis-stream'),
    peer('redis-stream-everysec', 'redis-stream'),
    peer('jetstream', 'jetstream'),
    peer('jetstream-always', 'jetstream'),
    peer('rabbitmq', 'http'),
    peer('centrifugo', 'centrifugo'),
    peer('centrifugo-redis', 'centrifugo'),
    peer('centrifugo-postgres', 'centrifugo'),
  ],
};

function work(protocol: PublishProtocol): LoadWork {
  return { kind: 'load', count: 'published', load: { publish: protocol, publishers: 256 } };
}

/** What it leaves on the disk depends on how many messages a transaction has. */
function durable(name: string, publishers: number): Entry {
  const { load, ...rest } = work('http');
  return {
    name,
    contender: 'conduit',
    work: { ...rest, load: { ...load, publishers }, disk: true },
  };
}

function peer(name: ContenderName, protocol: PublishProtocol): Entry {
  return { name, contender: name, work: work(protocol), against: 'bare-uws', peer: true };
}
