import type { ConduitName } from '../conduit.js';
import { PUBLISHES } from '../figure.js';
import type { Entry, Scenario } from '../scenario.js';

const WORKERS = [1, 2, 3, 4];

export const workers: Scenario = {
  name: 'workers',
  measures: 'Single HTTP publishes to 64 topics, 256 connections, with 1 to 4 topic workers.',
  figure: PUBLISHES,
  goals: [],
  entries: [
    ...WORKERS.map((count) => entry('durable', 'conduit', count)),
    ...WORKERS.map((count) => entry('memory', 'conduit-memory', count)),
  ],
};

function entry(kind: string, contender: ConduitName, count: number): Entry {
  return {
    name: `${kind}, WORKERS=${count}`,
    contender,
    env: { WORKERS: String(count) },
    work: {
      kind: 'load',
      count: 'published',
      load: { publish: 'http', publishers: 256, topics: 64 },
    },
    ...(count > 1 ? { against: `${kind}, WORKERS=1` } : {}),
    ...(kind === 'durable' && count <= 2 ? { quick: {} } : {}),
  };
}
