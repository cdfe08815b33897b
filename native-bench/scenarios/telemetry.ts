import { CPU } from '../figure.js';
import { goal, ratioReaches } from '../goal.js';
import type { Entry, Scenario } from '../scenario.js';

const NEITHER = 'neither';
const API = 'the API of OpenTelemetry';
const NEVER = 'an SDK that samples nothing';
const LOGGED = 'metrics scraped, logs';

export const telemetry: Scenario = {
  name: 'telemetry',
  measures:
    'CPU of a publish by HTTP over 256 connections, in memory, where nothing else is in it: with nobody who ' +
    'asks for metrics and no log; with GET /metrics each second and LOG_LEVEL=info; with the API of ' +
    'OpenTelemetry loaded; and with an SDK of it that samples nothing.',
  figure: CPU,
  goals: [
    goal('metrics and logs cost < 2 % of a publish', ratioReaches(LOGGED, NEITHER, CPU, 1.02)),
    goal(
      'OpenTelemetry costs < 1 % of a publish while nothing is sampled',
      ratioReaches(API, NEITHER, CPU, 1.01),
      ratioReaches(NEVER, NEITHER, CPU, 1.01),
    ),
  ],
  entries: [
    { ...entry(NEITHER), quick: {} },
    { ...entry(LOGGED, { LOG_LEVEL: 'info' }, { scraped: true }), against: NEITHER, quick: {} },
    { ...entry(API, loaded(import.meta.resolve('@opentelemetry/api'))), against: NEITHER },
    {
      ...entry(NEVER, loaded(new URL('../rig/otel-never.js', import.meta.url).href)),
      ...{ against: NEITHER, quick: {} },
    },
  ],
};

function entry(
  name: string,
  env: Readonly<Record<string, string>> = {},
  more: { scraped?: true } = {},
): Entry {
  return {
    name,
    contender: 'conduit-memory',
    env: { LOG_LEVEL: 'error', ...env },
    work: {
      kind: 'load',
      count: 'published',
      load: { publish: 'http', publishers: 256 },
      ...more,
    },
  };
}

/** Into every thread. */
function loaded(module: string): Record<string, string> {
  return { NODE_OPTIONS: `--import ${module}` };
}
