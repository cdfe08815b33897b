// Goal: the benchmark works: every scenario measures Conduit and both reports are written; what cannot
// be run is refused in one line; what dies is invalid and nothing else; what became slower is named.
// It says nothing of speed.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import type { Contender, Place, Running } from '../../native-bench/contender.js';
import { PUBLISHES, receive } from '../../native-bench/figure.js';
import { addsAtMost, goal, reaches } from '../../native-bench/goal.js';
import { buildLoadgen, type LoadOptions } from '../../native-bench/loadgen.js';
import { Places } from '../../native-bench/places.js';
import { notesOf, tableOf } from '../../native-bench/report/table.js';
import { PACKAGE_FOLDER } from '../../native-bench/rig/node.js';
import { contenderOf, type Outcome, runScenario } from '../../native-bench/runner.js';
import type { Entry, LoadWork, Scenario } from '../../native-bench/scenario.js';
import { SCENARIOS } from '../../native-bench/scenarios/catalog.js';

const PROGRAM = path.join(PACKAGE_FOLDER, 'dist/native-bench/run.js');
const MODE = { quick: false, peers: false, held: null, profiles: null, duration: 1, warmup: 0.3 };

interface Done {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** As in a report's JSON. */
interface ReportedEntry {
  name: string;
  contender: string;
  valid: boolean;
  missing: string | null;
  problems: string[];
  figure: { median: number } | null;
  ratio: number | null;
  summary: { more: Record<string, number> } | null;
}

const folder = mkdtempSync(path.join(tmpdir(), 'bench-'));

t.test('every scenario measures Conduit, and the reports are written', async (t) => {
  const results = path.join(folder, 'quick');
  const recorded = path.join(folder, 'recorded.json');
  // A disk that stalls for half a second beside other tests leaves no window empty.
  const args = ['--quick', '--seconds', '1.2', '--record'];
  const { code, stdout, stderr } = await bench(
    ...args,
    '--results',
    results,
    '--recorded',
    recorded,
  );
  t.equal(code, 0, `${stdout}${stderr}`);
  const names = readdirSync(results).sort();
  t.match(names, [/^\d{4}-\d\d-\d\d-.+\.html$/, /^\d{4}-\d\d-\d\d-.+\.json$/]);
  const report = JSON.parse(readFileSync(path.join(results, names[1] ?? ''), 'utf8')) as {
    machine: { cores: number };
    outcomes: { scenario: string; entries: ReportedEntry[] }[];
  };
  t.ok(report.machine.cores > 0);
  t.same(
    report.outcomes.map(({ scenario }) => scenario),
    SCENARIOS.map(({ name }) => name),
  );
  for (const { scenario, entries } of report.outcomes) {
    const own = entries.filter(({ contender }) => contender.startsWith('conduit'));
    t.ok(own.length > 0, `${scenario} has an entry of Conduit`);
    for (const { name, valid, problems, figure } of own) {
      t.ok(valid && figure !== null, `${scenario}, ${name}: ${problems.join('; ')}`);
    }
  }
  const publish = report.outcomes.find(({ scenario }) => scenario === 'publish');
  const durable = publish?.entries.find(({ name }) => name === 'durable');
  t.ok((durable?.summary?.more['wal_bytes_a_message'] ?? 0) > 150, 'more than the payload');
  const html = readFileSync(path.join(results, names[0] ?? ''), 'utf8');
  t.ok(html.includes('<svg'));
  t.notMatch(html, /<script|<link|src=/, 'it needs no other file');
  const { quick } = JSON.parse(readFileSync(recorded, 'utf8')) as { quick: object };
  t.ok('publish/memory' in quick);
});

t.test('--quick names what fell, and ends with 1', async (t) => {
  const recorded = path.join(folder, 'doctored.json');
  const ratios = { 'publish/memory': 1_000, 'publish/durable': 0.000_1 };
  writeFileSync(recorded, JSON.stringify({ quick: ratios, full: {} }));
  const args = ['--quick', '--only', 'publish', '--seconds', '0.4', '--results', folder];
  const { code, stdout } = await bench(...args, '--recorded', recorded);
  t.equal(code, 1);
  t.match(
    stdout,
    /^publish\/memory: publishes\/s fell by \d+ %: .*recorded 1000\.00 of bare-uws$/m,
  );
  t.notMatch(stdout, 'publish/durable:');
  t.match(stdout, /^2 compared with what was recorded: 1 fell$/m);
});

t.test('what cannot be run as asked is refused in one line', async (t) => {
  const torn = path.join(folder, 'torn.json');
  writeFileSync(torn, '{"quick":');
  const cases: [string[], RegExp][] = [
    [['--only', 'publish,nothing'], /^unknown scenario 'nothing': there are sustained, publish, /],
    [['--fast'], /^Unknown option '--fast'$/],
    [['publish'], /^Unexpected argument 'publish'/],
    [['--held', 'long'], /^--held must be a number from 0.1 to 3600, not 'long'$/],
    [
      ['--postgres', '/tmp'],
      /^--postgres must be the bin folder of a PostgreSQL: \/tmp has no initdb$/,
    ],
    [['--runs', 'many'], /^--runs must be a number from 1 to 1000, not 'many'$/],
    [['--seconds'], /^Option '--seconds <value>' argument missing$/],
    [['--quick', '--recorded', torn], /torn\.json is no JSON of recorded ratios$/],
  ];
  for (const [args, line] of cases) {
    const { code, stdout, stderr } = await bench(...args);
    t.equal(code, 2, args.join(' '));
    t.equal(stdout, '');
    t.match(stderr.trimEnd(), line);
    t.equal(stderr.trimEnd().split('\n').length, 1);
  }
});

t.test('--list tells every scenario', async (t) => {
  const { code, stdout } = await bench('--list');
  t.equal(code, 0);
  for (const { name } of SCENARIOS)
    t.match(stdout, `\n${name}: `.slice(name === 'sustained' ? 1 : 0));
});

t.test('every entry and every goal names entries and contenders that there are', async (t) => {
  for (const { name, entries, goals } of SCENARIOS) {
    const names = entries.map((entry) => entry.name);
    t.equal(new Set(names).size, names.length, name);
    for (const { text, check } of goals) {
      check((entry) => {
        t.ok(names.includes(entry), `${name}: ${text}: ${entry}`);
        return null;
      });
    }
    for (const entry of entries) {
      const { contender, against } = entry;
      t.ok(contenderOf(entry).syncs.length > 0, contender);
      if (against !== undefined) t.ok(names.includes(against), `${name}: ${against}`);
    }
    t.ok(
      entries.some(
        ({ quick, contender }) => quick !== undefined && contender.startsWith('conduit'),
      ),
    );
  }
});

t.test('what one entry may have more than another', async (t) => {
  const p99 = receive('p99');
  const { check } = goal('at most 15 ms more', addsAtMost('across', 'here', p99, 15_000));
  const figures: Record<string, number> = { here: 4_000, across: 19_000 };
  const read = (entry: string) => figures[entry] ?? null;
  t.same(check(read), { met: true, measured: '15.0 ms over here' });
  figures['across'] = 19_001;
  t.match(check(read), { met: false });
  delete figures['here'];
  t.match(check(read), { met: null });
});

t.test(
  'what dies or does not start is invalid, what is not there missing; the others go on',
  async (t) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    t.teardown(() => taken.close());
    const entries = [
      entryOf('well', {}),
      entryOf('dies', { against: 'well' }),
      entryOf('no port', { env: { PORT: port } }),
      entryOf('not here', {}),
    ];
    const scenario: Scenario = {
      name: 'fates',
      measures: 'What becomes of each.',
      figure: PUBLISHES,
      goals: [
        goal('well is measured', reaches('well', PUBLISHES, 1)),
        goal('impossible', reaches('well', PUBLISHES, 1e12)),
        goal('of the dead nothing is known', reaches('dies', PUBLISHES, 1)),
      ],
      entries,
    };
    const said: string[] = [];
    const outcome = await runAlone(scenario, {
      runs: 2,
      say: (line) => said.push(line),
      find: (entry) => {
        const own = contenderOf(entry);
        if (entry.name === 'not here')
          return { ...own, missing: async () => 'it was never installed' };
        return entry.name === 'dies' ? killedSoon(own, 'server') : own;
      },
    });
    const figures = tableOf(outcome).lines.map((cells) => cells[1]);
    t.match(figures, [/^[\d,]+\/s \[/, /^invalid$/, /^invalid$/, /^missing$/]);
    const notes = outcome.rows.flatMap(notesOf);
    t.match(notes.join('\n'), /^dies: invalid: /m);
    t.match(
      notes.join('\n'),
      new RegExp(`^no port: invalid: .*PORT=${port}: another process`, 'm'),
    );
    t.match(notes.join('\n'), /^not here: missing: it was never installed$/m);
    t.equal(outcome.rows[1]?.ratio, null);
    t.same(
      outcome.goals.map(({ met }) => met),
      [true, false, null],
    );
    // In turn, round by round; the one that is missing is not asked.
    const turns = said.map((line) => /: (.+), run (\d) of/.exec(line)?.slice(1).join(' '));
    t.same(turns, ['well 1', 'dies 1', 'no port 1', 'well 2', 'dies 2', 'no port 2']);
  },
);

t.test(
  'a pair publishes at both, in one order; one node dies: invalid in one line, and nothing is left of it',
  async (t) => {
    const load: LoadOptions = { publish: 'http', publishers: 8 };
    const work: LoadWork = { kind: 'load', count: 'published', load };
    const pair: Partial<Entry> = { contender: 'conduit-pair' };
    const heard: LoadWork = { ...work, load: { ...load, rate: 200, subscribers: 1 } };
    const ordered: LoadWork = { ...work, load: { ...load, subscribers: 1, drain: 20 } };
    const entries = [
      entryOf('well', { ...pair, work: { ...ordered, atSecond: 'publishers' } }),
      entryOf('subscribers', { ...pair, work: { ...heard, atSecond: 'subscribers' } }),
      entryOf('publishers', { ...pair, work: { ...work, atSecond: 'publishers' } }),
      entryOf('nobody', { ...pair, work }),
      entryOf('alone', { work: { ...work, atSecond: 'publishers' } }),
    ];
    const scenario: Scenario = {
      name: 'halves',
      measures: 'Who is at the node that dies.',
      figure: PUBLISHES,
      goals: [],
      entries,
    };
    const pids: number[] = [];
    const { rows } = await runAlone(scenario, {
      runs: 1,
      say: () => undefined,
      find: (entry) => {
        const own = contenderOf(entry);
        return ['well', 'alone'].includes(entry.name) ? own : killedSoon(own, 'second', pids);
      },
    });
    const died = 'the second node ended with SIGKILL';
    t.same(
      rows.map(({ entry, problems, figure }) => [entry.name, problems, figure === null]),
      [
        ['well', [], false],
        ['subscribers', [died], true],
        ['publishers', [died], true],
        ['nobody', [died], true],
        ['alone', ['there is no second node'], true],
      ],
    );
    // With a Redis between them, where one is installed.
    t.ok([2, 3].includes(pids.length / 3), `processes: ${pids.join()}`);
    for (const pid of pids) t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  },
);

function entryOf(name: string, more: Partial<Entry>): Entry {
  const load = { publish: 'http', publishers: 8 } as const;
  const work = { kind: 'load', count: 'published', load } as const;
  return { name, contender: 'conduit-memory', work, ...more };
}

interface Alone {
  runs: number;
  say: (line: string) => void;
  find: (entry: Entry) => Contender;
}

async function runAlone(scenario: Scenario, { runs, say, find }: Alone): Promise<Outcome> {
  await buildLoadgen(say);
  const places = await Places.open();
  try {
    return await runScenario(scenario, { ...MODE, runs }, places, say, find);
  } finally {
    await places.close();
  }
}

/** In the middle of the measurement; `pids` gets those of all its nodes. */
function killedSoon(own: Contender, which: string, pids: number[] = []): Contender {
  const after = (MODE.warmup + MODE.duration / 2) * 1_000;
  const start = async (place: Place): Promise<Running> => {
    const running = await own.start(place);
    const { postgres: _, ...nodes } = running.processes;
    pids.push(...Object.values(nodes));
    setTimeout(() => process.kill(nodes[which] ?? 0, 'SIGKILL'), after);
    return running;
  };
  return { ...own, start };
}

/** The command as it is built. */
function bench(...args: string[]): Promise<Done> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const done: Done = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    done.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    done.stderr += text;
  });
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ ...done, code }));
  });
}
