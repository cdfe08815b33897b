import { PUBLISHES } from '../figure.js';
import type { LoadOptions } from '../loadgen.js';
import type { Scenario } from '../scenario.js';

const LOAD: LoadOptions = { publish: 'http', publishers: 256 };
const DURABLE_RATES = [1, 3, 5, 10, 20, 30, 40, 50, 60, 80].map((thousands) => thousands * 1_000);
const MEMORY_RATES = [5, 10, 20, 30, 40, 50, 60, 80, 100, 120].map(
  (thousands) => thousands * 1_000,
);
/** A machine with other things to do may sustain the first one alone. */
const QUICK = { rates: [500, 10_000] };

export const sustained: Scenario = {
  name: 'sustained',
  measures:
    'The highest rate of single HTTP publishes (open loop, 256 connections) with a p99 under 250 ms ' +
    'and no error; the figure is what was answered at that rate.',
  figure: PUBLISHES,
  goals: [],
  entries: [
    {
      name: 'durable',
      contender: 'conduit',
      work: { kind: 'rates', load: LOAD, rates: DURABLE_RATES },
      quick: QUICK,
    },
    {
      name: 'memory',
      contender: 'conduit-memory',
      work: { kind: 'rates', load: LOAD, rates: MEMORY_RATES },
    },
    {
      name: 'baseline',
      contender: 'baseline',
      work: { kind: 'rates', load: LOAD, rates: DURABLE_RATES },
      peer: true,
    },
  ],
};
