import { ROWS } from '../figure.js';
import { goal, ratioReaches } from '../goal.js';
import type { LoadOptions } from '../loadgen.js';
import type { LoadWork, Scenario } from '../scenario.js';

const HTTP: LoadOptions = { publish: 'http', publishers: 8, batch: 500 };

export const batch: Scenario = {
  name: 'batch',
  measures: 'Batches of 500 messages over HTTP, 8 connections; COPY is the limit of PostgreSQL.',
  figure: ROWS,
  goals: [goal('durable >= 0.60 of raw COPY', ratioReaches('durable', 'copy', ROWS, 0.6))],
  entries: [
    { name: 'copy', contender: 'copy', work: work({}), quick: {} },
    { name: 'durable', contender: 'conduit', work: work(HTTP), against: 'copy', quick: {} },
    { name: 'memory', contender: 'conduit-memory', work: work(HTTP), against: 'copy' },
    { name: 'copy-2', contender: 'copy-2', work: work({}), against: 'copy', peer: true },
    {
      name: 'redis-stream',
      contender: 'redis-stream',
      work: work({ publish: 'redis-stream', publishers: 8, batch: 500 }),
      against: 'copy',
      peer: true,
    },
  ],
};

function work(load: LoadOptions): LoadWork {
  return { kind: 'load', count: 'published', load };
}
