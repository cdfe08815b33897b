import type { ConduitName } from '../conduit.js';
import { PUBLISHES } from '../figure.js';
import { goal, ratioReaches } from '../goal.js';
import type { LoadOptions } from '../loadgen.js';
import type { Entry, Scenario } from '../scenario.js';

const ALL: LoadOptions = { topics: 10_000, turn: true };

export const topics: Scenario = {
  name: 'topics',
  measures:
    'Single HTTP publishes, 256 connections: each to the next of 10,000 topics, or all to one.',
  figure: PUBLISHES,
  goals: [
    goal(
      '10,000 topics >= 0.6 of one topic',
      ratioReaches('10,000 topics', 'one topic', PUBLISHES, 0.6),
    ),
  ],
  entries: [
    { ...entry('one topic', 'conduit', {}), quick: {} },
    {
      ...entry('10,000 topics', 'conduit', ALL),
      against: 'one topic',
      quick: { load: { topics: 1_000 } },
    },
    entry('one topic, memory', 'conduit-memory', {}),
    { ...entry('10,000 topics, memory', 'conduit-memory', ALL), against: 'one topic, memory' },
  ],
};

function entry(name: string, contender: ConduitName, load: LoadOptions): Entry {
  const all: LoadOptions = { publish: 'http', publishers: 256, ...load };
  return { name, contender, work: { kind: 'load', count: 'published', load: all } };
}
