// Goal: what became slower is judged by what ran beside it in the same run, on any machine; a figure with
// nothing beside it only on the machine that it was recorded on, and else it is said that it was not.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { type Figure, PUBLISHES } from '../../native-bench/figure.js';
import { judge } from '../../native-bench/judgement.js';
import type { Machine } from '../../native-bench/machine.js';
import { type MeasuredRun, readRecorded, writeRecorded } from '../../native-bench/recorded.js';
import type { Row } from '../../native-bench/runner.js';
import type { Scenario } from '../../native-bench/scenario.js';

const HERE: Machine = {
  cpu: 'Some CPU',
  cores: 2,
  memoryBytes: 24 * 2 ** 30,
  system: 'Linux 6',
  load: 0,
  fsyncUs: 100,
};
const ELSEWHERE: Machine = { ...HERE, cores: 8 };
const HELD: Figure = { ...PUBLISHES, name: 'held', unit: 'times', isRatio: true };
const P99S: Figure = { ...PUBLISHES, name: 'p99 by p99', unit: 'times' };

const file = path.join(mkdtempSync(path.join(tmpdir(), 'judged-')), 'recorded.json');

t.test('ratios are compared on any machine, figures alone on their own', async (t) => {
  writeRecorded(file, 'quick', run(HERE, { beside: 100, alone: 100, held: 1, p99s: 2 }));
  const cases: [string, MeasuredRun, string[], RegExp[]][] = [
    [
      'the same again',
      run(HERE, { beside: 100, alone: 100, held: 1, p99s: 2 }),
      [],
      [/^not recorded: s\/p99s; s\/new$/],
    ],
    [
      'a slower machine',
      run(ELSEWHERE, { beside: 50, peer: 100, alone: 10, held: 0.9, p99s: 90 }),
      [],
      [/^not comparable: other machine \(.+ 2 cores.+ 8 cores.+\): s\/alone$/, /^not recorded: /],
    ],
    [
      'all is slower but what it is beside',
      run(ELSEWHERE, { beside: 70, alone: 10, held: 0.7, p99s: 2 }),
      [
        's/beside: publishes/s fell by 30 %: 0.35, recorded 0.50 of peer',
        's/held: held fell by 30 %',
      ],
      [/^not comparable: other machine/, /^not recorded/],
    ],
    [
      'a figure alone, here',
      run(HERE, { beside: 100, alone: 40, held: 1, p99s: 2 }),
      ['s/alone: publishes/s fell by 60 %: 40/s, recorded 100/s on this machine'],
      [/^not recorded/],
    ],
    [
      'a day when the machine is slow',
      run(HERE, { beside: 100, alone: 60, held: 1, p99s: 2 }),
      [],
      [/^not recorded/],
    ],
    [
      'nothing beside it',
      run(HERE, { beside: 10, peer: null, alone: 100, held: 1, p99s: 2 }),
      [],
      [/^not comparable: peer did not run: s\/beside$/, /^not recorded/],
    ],
    [
      'no figure any more',
      run(HERE, { beside: null, alone: 100, held: 1, p99s: 2 }),
      ['s/beside: no figure, recorded 0.50 of peer'],
      [/^not recorded/],
    ],
  ];
  for (const [name, measured, falls, unjudged] of cases) {
    const judgement = judge(readRecorded(file), 'quick', measured);
    const texts = judgement.falls.map(({ text }) => text);
    t.equal(texts.length, falls.length, name);
    t.ok(
      falls.every((text, n) => texts[n]?.startsWith(text)),
      `${name}: ${texts.join('; ')}`,
    );
    t.equal(judgement.unjudged.length, unjudged.length, name);
    t.match(judgement.unjudged, unjudged, name);
  }
  t.equal(judge(readRecorded(file), 'full', cases[0]?.[1] ?? run(HERE, {})).judged, 0);
});

t.test('another machine keeps the ratios, not the figures alone', async (t) => {
  writeRecorded(file, 'quick', run(ELSEWHERE, { held: 0.8 }));
  const { quick, alone } = readRecorded(file);
  t.same(quick, { 's/beside': 0.5, 's/held': 0.8 });
  t.same(alone.quick, { machine: 'Some CPU, 8 cores, 24 GiB', figures: {} });
});

interface Measured {
  beside?: number | null;
  /** Null: it is not installed. */
  peer?: number | null;
  alone?: number;
  held?: number;
  p99s?: number;
}

function run(machine: Machine, { peer = 200, beside = null, ...more }: Measured): MeasuredRun {
  const rows = [
    { ...row('peer', 'bare-uws', peer), missing: peer === null ? 'not here' : null },
    { ...row('beside', 'conduit', beside, { against: 'peer' }), ratio: quotient(beside, peer) },
    row('alone', 'conduit', more.alone ?? null),
    row('held', 'conduit', more.held ?? null, { figure: HELD }),
    row('p99s', 'conduit', more.p99s ?? null, { figure: P99S }),
    ...(more.alone === undefined ? [] : [row('new', 'conduit', null)]),
  ];
  const entries = rows.map(({ entry }) => entry);
  const scenario: Scenario = { name: 's', measures: '', figure: PUBLISHES, goals: [], entries };
  return { machine, outcomes: [{ scenario, rows, goals: [] }] };
}

function row(
  name: string,
  contender: 'conduit' | 'bare-uws',
  value: number | null,
  more: Partial<Row['entry']> = {},
): Row {
  const work = { kind: 'load', count: 'published', load: {} } as const;
  return {
    entry: { name, contender, work, ...more },
    syncs: '',
    version: null,
    missing: null,
    runs: [],
    problems: [],
    summary: null,
    steps: [],
    windows: [],
    figure: value === null ? null : { median: value, min: value, max: value },
    ratio: null,
    profiled: null,
  };
}

function quotient(value: number | null, other: number | null): number | null {
  return value === null || other === null ? null : value / other;
}
