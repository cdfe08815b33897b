// Goal: a profiled run leaves the profiles of both threads, of time and of allocation, and their flame
// graphs show our own functions; a tree's values are what the samples say, without the waiting.
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { PUBLISHES } from '../../native-bench/figure.js';
import { buildLoadgen } from '../../native-bench/loadgen.js';
import { Places } from '../../native-bench/places.js';
import { allocationTree, type Call, cpuTree } from '../../native-bench/profiles/profile.js';
import { flameGraph } from '../../native-bench/report/flame-graph.js';
import { runScenario } from '../../native-bench/runner.js';
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

t.test('a call that is too narrow to be seen is not drawn', async (t) => {
  const wide = call('wide (acceptor/a.js:1)', 'acceptor', 999);
  const narrow = call('narrow (acceptor/a.js:2)', 'acceptor', 1);
  const root = call('(root)', '', 1_000, [narrow, wide]);
  const { light } = flameGraph({ thread: 'worker-1', of: 'cpu', root });
  t.match(light, 'wide (acceptor');
  t.notMatch(light, 'narrow');
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
  const mode = { runs: 1, quick: false, peers: false, profiles: into, ...times };
  const { rows } = await runScenario(scenario, mode, places, () => undefined);
  const [own, bare] = rows;
  t.same(own?.problems, []);
  t.same(bare?.profiles, [], 'only Conduit is profiled');
  const names = own?.profiles.map(({ of, thread }) => `${of} ${thread.replace(/\d/, '')}`) ?? [];
  for (const name of ['cpu acceptor-', 'cpu worker-', 'allocation acceptor-'])
    t.ok(names.includes(name), name);
  t.match(names[0], /^cpu /);
  const files = readdirSync(path.join(into, 'one', 'in-memory'));
  for (const name of [/^acceptor-\d\.cpuprofile$/, /^worker-\d\.heapprofile$/]) {
    t.ok(files.some((file) => name.test(file)));
  }
  const acceptor = own?.profiles.find(({ thread, of }) => of === 'cpu' && /^acceptor/.test(thread));
  if (acceptor === undefined) throw new Error('it has no profile of the acceptor');
  t.ok(acceptor.root.value > 100_000, 'a tenth of a second at least');
  t.match(flameGraph(acceptor).dark, /\(acceptor\/[a-z-]+\.js:\d+\)|acceptor\//);
});

function place(functionName: string, url: string, lineNumber = -1) {
  return { functionName, url, lineNumber, scriptId: '0', columnNumber: 0 };
}

function call(name: string, home: string, value: number, calls: Call[] = []): Call {
  return { name, home, value, calls };
}
