// Goal: a profiled run leaves the profiles of both threads, of time and of allocation, and their flame
// graphs show our own functions; a tree's values are what the samples say, without the waiting; the pages
// to be committed are whole, and their figures exact.
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { PUBLISHES } from '../../native-bench/figure.js';
import { buildLoadgen } from '../../native-bench/loadgen.js';
import { Places } from '../../native-bench/places.js';
import {
  allocationTree,
  type Call,
  cpuTree,
  ownOf,
  type Profile,
  profilingInto,
} from '../../native-bench/profiles/profile.js';
import { flameGraph, flameSheet } from '../../native-bench/report/flame-graph.js';
import { profileTable, writeProfilePages } from '../../native-bench/report/profile-pages.js';
import { METHOD, type Report } from '../../native-bench/report/report.js';
import { type Outcome, type Row, runScenario } from '../../native-bench/runner.js';
import { failedSample, summaryOf } from '../../native-bench/sample.js';
import type { Scenario } from '../../native-bench/scenario.js';

const ROOT = place('(root)', '');
const SEND = place('send', 'file:///a/dist/src/acceptor/outbox.js', 30);
const PACK = place('', 'file:///a/node_modules/@msgpack/core/index.js', 4);

t.test('time is summed by call, and waiting is none', async (t) => {
  const tree = cpuTree({
    startTime: 0,
    endTime: 100,
    nodes: [
      { id: 1, callFrame: ROOT, children: [2, 3, 5] },
      { id: 2, callFrame: place('(idle)', '') },
      { id: 3, callFrame: SEND, children: [4] },
      { id: 4, callFrame: PACK },
      { id: 5, callFrame: place('(garbage collector)', '') },
    ],
    samples: [3, 4, 2, 4, 5],
    timeDeltas: [10, 20, 500, 3, 7],
  });
  const pack = call('(anonymous) (@msgpack/core)', '@msgpack/core', 23);
  const send = call('send (acceptor/outbox.js:31)', 'acceptor', 33, [pack]);
  t.same(tree, call('(root)', '', 40, [call('(garbage collector)', '', 7), send]));
});

t.test('bytes are summed by call', async (t) => {
  const pack = { callFrame: PACK, selfSize: 50, children: [] };
  const tree = allocationTree({ callFrame: SEND, selfSize: 5, children: [pack] });
  t.equal(tree.value, 55);
});

t.test('what a function took itself is summed over all its calls, recursion once', async (t) => {
  const tree = cpuTree({
    startTime: 0,
    endTime: 100,
    nodes: [
      { id: 1, callFrame: ROOT, children: [2, 5] },
      { id: 2, callFrame: SEND, children: [3] },
      { id: 3, callFrame: PACK, children: [4] },
      { id: 4, callFrame: SEND },
      { id: 5, callFrame: PACK },
    ],
    samples: [2, 3, 4, 5],
    timeDeltas: [10, 20, 5, 3],
  });
  t.same(ownOf(tree), [
    { name: '(anonymous) (@msgpack/core)', value: 23 },
    { name: 'send (acceptor/outbox.js:31)', value: 15 },
  ]);
});

t.test('a folder that is profiled into loses the profiles of a run before', async (t) => {
  const into = mkdtempSync(path.join(tmpdir(), 'profiles-'));
  for (const name of ['worker-1.cpuprofile', 'worker-1.heapprofile', 'notes.txt']) {
    writeFileSync(path.join(into, name), '{}');
  }
  profilingInto(into);
  t.same(readdirSync(into), ['notes.txt']);
});

t.test('a call that is too narrow to be seen is not drawn', async (t) => {
  const wide = call('wide (acceptor/a.js:1)', 'acceptor', 999);
  const narrow = call('narrow (acceptor/a.js:2)', 'acceptor', 1);
  const root = call('(root)', '', 1_000, [narrow, wide]);
  const { light } = flameGraph({ thread: 'worker-1', of: 'cpu', wallUs: 2_000, root });
  t.match(light, 'wide (acceptor');
  t.notMatch(light, 'narrow');
});

t.test('a sheet is one SVG of all graphs, whatever the names are', async (t) => {
  const odd = call('<computed> "a" & \u0007b\ud800 (acceptor/a.js:1)', 'acceptor', 1_000);
  const sheet = flameSheet('one <& two', [
    { thread: 'worker-1', of: 'cpu', wallUs: 2_000, root: call('(root)', '', 1_000, [odd]) },
    { thread: 'worker-1', of: 'allocation', wallUs: 2_000, root: call('(root)', '', 3e6, [odd]) },
  ]);
  t.same(unclosed(sheet), []);
  t.match(sheet, 'one &lt;&amp; two');
  t.match(sheet, '<title>&lt;computed&gt; "a" &amp;  b  (acceptor/a.js:1) 100.0 %</title>');
  t.ok(sheet.indexOf('CPU of worker-1') < sheet.indexOf('allocation of worker-1: 3 MB'));
  t.match(sheet, /^<svg [^>]*>\n<rect [^>]*fill="#fff"\/>/);
});

t.test('the index has the exact shares of a small profile', async (t) => {
  const collector = call('(garbage collector)', '', 100);
  const inner = call('a|b (acceptor/a.js:1)', 'acceptor', 50);
  const outer = call('a|b (acceptor/a.js:1)', 'acceptor', 250, [inner]);
  const cpu = call('(root)', '', 400, [collector, outer, call('(program)', '', 50)]);
  const bytes = call('(root)', '', 3_000, [call('pack (msgpackr)', 'msgpackr', 3_000)]);
  const row = rowOf([
    { thread: 'acceptor-1', of: 'cpu', wallUs: 1_000, root: cpu },
    { thread: 'worker-2', of: 'cpu', wallUs: 1_000, root: call('(root)', '', 100) },
    { thread: 'acceptor-1', of: 'allocation', wallUs: 1_000, root: bytes },
  ]);
  const own = '62.5 % `a\\|b (acceptor/a.js:1)`<br>25.0 % collector';
  const native = '12.5 % native: system calls, uWS, V8';
  t.same(profileTable(outcomeOf(row)).lines, [
    [
      '[in memory](one/in-memory.svg)',
      'acceptor-1',
      '40 %',
      '8.00',
      `${own}<br>${native}`,
      '3.00',
      '100.0 % `pack (msgpackr)`',
    ],
    ['', 'worker-2', '10 %', '2.00', '100.0 % `(root)`', '-', '-'],
  ]);
  const unmeasured = profileTable(outcomeOf({ ...row, summary: null })).lines;
  t.same(unmeasured[0]?.[3], '-');
});

t.test('an entry whose profiled run had problems has them for figures', async (t) => {
  const row = rowOf([]);
  const profiled = { folder: 'a/one/in-memory', profiles: [], problems: ['a gap | of 3'] };
  t.same(profileTable(outcomeOf({ ...row, profiled })).lines, [
    ['in memory', 'invalid: `a gap \\| of 3`'],
  ]);
  t.same(profileTable(outcomeOf({ ...row, profiled: null })).lines, []);
});

t.test('a profiled run', async (t) => {
  await buildLoadgen(() => undefined);
  const into = mkdtempSync(path.join(tmpdir(), 'profiles-'));
  const load = { publish: 'http', publishers: 8 } as const;
  const work = { kind: 'load', count: 'published', load } as const;
  const scenario: Scenario = {
    name: 'one',
    measures: 'Publishes.',
    figure: PUBLISHES,
    goals: [],
    entries: [
      { name: 'in memory', contender: 'conduit-memory', work },
      { name: 'bare', contender: 'bare-uws', work },
    ],
  };
  const places = await Places.open();
  t.teardown(() => places.close());
  const times = { duration: 1.5, warmup: 0.5 };
  const mode = { runs: 1, quick: false, peers: false, held: null, profiles: into, ...times };
  const outcome = await runScenario(scenario, mode, places, () => undefined);
  const [own, bare] = outcome.rows;
  t.same(own?.problems, []);
  t.equal(bare?.profiled, null, 'only Conduit is profiled');
  const profiles = own?.profiled?.profiles ?? [];
  const names = profiles.map(({ of, thread }) => `${of} ${thread.replace(/\d/, '')}`);
  for (const name of ['cpu acceptor-', 'cpu worker-', 'allocation acceptor-'])
    t.ok(names.includes(name), name);
  t.match(names[0], /^cpu /);
  const files = readdirSync(path.join(into, 'one', 'in-memory'));
  for (const name of [/^acceptor-\d\.cpuprofile$/, /^worker-\d\.heapprofile$/]) {
    t.ok(files.some((file) => name.test(file)));
  }
  const acceptor = profiles.find(({ thread, of }) => of === 'cpu' && /^acceptor/.test(thread));
  if (acceptor === undefined) throw new Error('it has no profile of the acceptor');
  t.ok(acceptor.root.value > 100_000, 'a tenth of a second at least');
  t.match(flameGraph(acceptor).dark, /\(acceptor\/[a-z-]+\.js:\d+\)|acceptor\//);

  t.same(writeProfilePages({ ...REPORT, mode, outcomes: [outcome] }, into), [
    path.join(into, 'README.md'),
    path.join(into, 'one', 'in-memory.svg'),
  ]);
  const index = readFileSync(path.join(into, 'README.md'), 'utf8');
  t.match(index, '- command: `npm run bench`');
  t.match(
    index,
    /^\| \[in memory\]\(one\/in-memory\.svg\) \| (acceptor|worker)-\d \| \d+ % \| \d/m,
  );
  t.notMatch(index, 'bare');
  const sheet = readFileSync(path.join(into, 'one', 'in-memory.svg'), 'utf8');
  t.same(unclosed(sheet), []);
  t.match(sheet, /CPU of acceptor-\d: [\d.]+ s busy/);
  t.ok(sheet.length < 256 * 1_024, `small enough to be committed: ${sheet.length} bytes`);
});

const REPORT: Omit<Report, 'mode' | 'outcomes'> = {
  method: METHOD,
  startedAt: '2026-01-02T03:04:05.000Z',
  command: 'npm run bench',
  machine: { cpu: 'a', cores: 2, memoryBytes: 2 ** 30, system: 'b', load: 0, fsyncUs: 9 },
  code: { commit: 'c38cf09', node: '20.20.0', postgres: null },
};

/** Its server took 10 us of CPU a message. */
function rowOf(profiles: readonly Profile[]): Row {
  const sample = { ...failedSample(''), cpuUs: { server: 10, loadgen: 5 }, problems: [] };
  return {
    entry: {
      name: 'in memory',
      contender: 'conduit-memory',
      work: { kind: 'load', count: 'published', load: {} },
    },
    syncs: '',
    version: null,
    missing: null,
    runs: [],
    problems: [],
    summary: summaryOf([sample]),
    steps: [],
    windows: [],
    figure: null,
    ratio: null,
    profiled: { folder: path.join('a', 'one', 'in-memory'), profiles, problems: [] },
  };
}

function outcomeOf(row: Row): Outcome {
  const scenario = { name: 'one', measures: '', figure: PUBLISHES, goals: [], entries: [] };
  return { scenario, rows: [row], goals: [] };
}

/** Tags that are not closed in their order, and what is left that only markup may have. */
function unclosed(svg: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  const text = svg.replaceAll(
    /<(\/?)([a-z]+)(?: [a-z-]+(?::[a-z]+)?="[^"<&]*")*(\/?)>/gi,
    (_, ...parts) => {
      const [closes, name, isEmpty] = parts.map(String);
      if (closes === '/' && open.pop() !== name) wrong.push(`</${name}>`);
      if (closes === '' && isEmpty === '') open.push(name ?? '');
      return '';
    },
  );
  const stray = text.match(/[<>]|&(?!(amp|lt|gt);)|[^\P{Cc}\n]|\p{Cs}/gu) ?? [];
  return [...open, ...wrong, ...stray];
}

function place(functionName: string, url: string, lineNumber = -1) {
  return { functionName, url, lineNumber, scriptId: '0', columnNumber: 0 };
}

function call(name: string, home: string, value: number, calls: Call[] = []): Call {
  return { name, home, value, calls };
}
