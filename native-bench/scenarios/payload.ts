import { PUBLISHES } from '../figure.js';
import type { ContenderName, Entry, Scenario } from '../scenario.js';

const BYTES = 65_536;

export const payload: Scenario = {
  name: 'payload',
  measures: 'Single HTTP publishes of 64 KiB, 64 connections (closed loop).',
  figure: PUBLISHES,
  goals: [],
  entries: [
    { ...entry('bare-uws', 'bare-uws'), quick: {} },
    { ...entry('durable', 'conduit'), against: 'bare-uws', quick: {} },
    { ...entry('memory', 'conduit-memory'), against: 'bare-uws' },
    { ...entry('baseline', 'baseline'), against: 'bare-uws', peer: true },
  ],
};

function entry(name: string, contender: ContenderName): Entry {
  const load = { publish: 'http', publishers: 64, payload: BYTES } as const;
  return { name, contender, work: { kind: 'load', count: 'published', load } };
}
