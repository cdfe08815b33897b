// Goal: what main threads of nodes ask each other: each counts what the others have, now and after they
// changed, began anew or were lost; sessions of all are listed page by page and closed at their node, and who
// does not answer is named; whoever is no node, or asks what nobody may, is refused.
// Method: the real parts of three nodes in one process, their own listeners and HTTP between them; what
// acceptors would say of their sessions is given.
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { freePort } from '../../../native-bench/rig/free-port.js';
import { packQuestion } from '../../../src/backplane/forward-body.js';
import { loadConfig } from '../../../src/config/load-config.js';
import type { Peer } from '../../../src/core/peer.js';
import type { SessionRecord } from '../../../src/core/session-record.js';
import { NO_STATS } from '../../../src/core/worker-figures.js';
import { Logger } from '../../../src/observe/logger.js';
import { Cluster } from '../../../src/supervisor/cluster.js';
import { NodeDoor } from '../../../src/supervisor/node-door.js';
import { acceptorCounts } from '../../../src/thread/acceptor-counts.js';
import { nodeMemory } from '../../../src/thread/node-memory.js';
import { RosterPort } from '../../../src/thread/roster-port.js';
import {
  type ClusterSessionsTold,
  NO_SESSIONS,
  type SessionAsk,
  type SessionsTold,
} from '../../../src/thread/session-calls.js';
import { keyOf, OTHER, TENANT } from '../../support/tenants/tenants.js';

const SECRET = 'a secret that the nodes of a test have in common';
const boot = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;

interface Part {
  cluster: Cluster;
  peer: Peer;
  port: RosterPort;
  /** How many subscriptions others have, by topic, as the workers here are told. */
  elsewhere: Map<string, number>;
  counts: ReturnType<typeof acceptorCounts>;
  closed: number[];
  /** Of acceptors; 'never': they do not answer. */
  speed: 'at once' | 'never';
  end(): Promise<void>;
}

function record(number: number): SessionRecord {
  const place = { acceptor: 0, generation: 1, number };
  const of = { keyId: null, address: '', client: null, connectedAtMs: 1, bufferBytes: 0 };
  return { place, tenant: TENANT, format: 'json', subscriptions: [], ...of };
}

/** Whose sessions have these numbers. */
async function startPart(n: number, numbers: readonly number[]): Promise<Part> {
  const internalPort = await freePort();
  const { config } = loadConfig({
    ...{ NODE_ID: `n${n}`, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x', WORKERS: '2' },
    ...{ INTERNAL_SECRET: SECRET, INTERNAL_PORT: `${internalPort}`, HOST: '127.0.0.1' },
  });
  const memory = nodeMemory(config);
  const logger = new Logger({ level: 'silent', format: 'json', secrets: [] });
  const elsewhere = new Map<string, number>();
  const ownSessions = async (ask: SessionAsk): Promise<SessionsTold> => {
    if (part.speed === 'never') await delay(60_000, null, { ref: false });
    if (ask.what === 'close') {
      const closed = numbers.includes(ask.place.number);
      if (closed) part.closed.push(ask.place.number);
      return { ...NO_SESSIONS, closed };
    }
    const behind = numbers.filter((one) => one > (ask.after?.number ?? 0));
    const records = behind.slice(0, ask.limit).map(record);
    return { ...NO_SESSIONS, records, more: behind.length > records.length };
  };
  const cluster = new Cluster({
    ...{ config, bootId: boot(n), memory, logger, tls: null, ownSessions },
    onElsewhere: (_, counts) => {
      for (const [key, count] of counts) elsewhere.set(key, count);
    },
  });
  const door = await NodeDoor.open({
    ...{ config, bootId: boot(n), memory, logger },
    ...{ deliver: () => undefined, onTrouble: () => undefined },
    answer: (question) => cluster.answer(question),
  });
  const port = new RosterPort(cluster.openPort());
  const forwardUrl = `http://127.0.0.1:${internalPort}`;
  const peer = { id: `n${n}`, bootId: boot(n), addr: 'x:1', forwardUrl, workers: 2 };
  const part: Part = {
    ...{ cluster, peer, port, elsewhere, closed: [], speed: 'at once' },
    counts: acceptorCounts(memory.counts, 0),
    end: async () => {
      cluster.stop();
      port.close();
      await door?.stop();
    },
  };
  place.set(part, (living) => {
    door?.place(living);
    cluster.place(living);
  });
  cluster.start();
  return part;
}

const place = new Map<Part, (living: readonly Peer[]) => void>();

/** Each sees these. */
function meet(parts: readonly Part[]): void {
  for (const part of parts) place.get(part)?.(parts.map(({ peer }) => peer));
}

const [a, b, c] = [
  await startPart(1, [1, 2, 3]),
  await startPart(2, []),
  await startPart(3, [4, 5]),
] as const;
t.teardown(() => Promise.all([a, b, c].map((part) => part.end())));
meet([a, b, c]);

t.test('subscriptions of the others are counted, as they come and go', async (t) => {
  const [one, two] = [keyOf('one'), keyOf('two')];
  a.cluster.figures?.heard(0, { topics: [[one, 3]], tenants: [] });
  a.cluster.figures?.heard(1, { topics: [[two, 1]], tenants: [] });
  c.cluster.figures?.heard(0, { topics: [[one, 2]], tenants: [] });
  await eventually(() => b.elsewhere.get(one) === 5 && b.elsewhere.get(two) === 1);
  await eventually(() => a.elsewhere.get(one) === 2 && c.elsewhere.get(one) === 3);
  t.equal(a.elsewhere.get(two), undefined, 'its own are none of those');
  t.same(b.cluster.countsOf(0).concat(b.cluster.countsOf(1)).sort(), [
    ...[[one, 5] as const, [two, 1] as const],
  ]);
  a.cluster.figures?.heard(0, { topics: [[one, 1]], tenants: [] });
  await eventually(() => b.elsewhere.get(one) === 3);
  a.cluster.figures?.gone(1);
  await eventually(() => b.elsewhere.get(two) === 0);
  meet([a, b]);
  t.equal(b.elsewhere.get(one), 1, 'who is lost is not counted, at once');
  meet([a, b, c]);
  await eventually(() => b.elsewhere.get(one) === 3);
});

t.test(
  'figures are of the tenant that is asked for, and of all nodes that are heard',
  async (t) => {
    const counts = { messagesPerSec: 2, activeSubscribers: 4, redelivered: 1 };
    const stats = { ...NO_STATS, ...counts, inFlight: 5, oldestUnackedAtMs: 1_000 };
    const asked = { what: 'elsewhere', tenant: TENANT } as const;
    for (const worker of [0, 1]) {
      a.cluster.figures?.heard(worker, { topics: [], tenants: [[TENANT, stats]] });
    }
    c.cluster.figures?.heard(0, { topics: [], tenants: [[OTHER.tenant, stats]] });
    a.counts.sessions.add(3);
    c.counts.sessions.add(4);
    await eventually(async () => (await b.port.ask(asked))?.acceptors.sessions === 7);
    await eventually(async () => (await b.port.ask(asked))?.workers.redelivered === 2);
    const told = await b.port.ask(asked);
    t.match(told?.processes, { [boot(1)]: { workers: [{ busy: 0 }, {}], main: { lateMs: 0 } } });
    t.match(told, { workers: { messagesPerSec: 4, activeSubscribers: 8 }, nodes: 2, silent: [] });
    t.match(told, { workers: { inFlight: 10, oldestUnackedAtMs: 1_000 } }, 'the oldest of all');
    const others = await b.port.ask({ ...asked, tenant: OTHER.tenant });
    t.match(others, { workers: { activeSubscribers: 4, redelivered: 1 } });
    a.cluster.figures?.gone(1);
    await eventually(async () => (await b.port.ask(asked))?.workers.activeSubscribers === 4);
  },
);

t.test('sessions of all nodes, page by page, whoever is asked', async (t) => {
  const list = { what: 'list', tenant: null, topic: null } as const;
  const listed = async (port: RosterPort): Promise<string[]> => {
    const seen: string[] = [];
    let after: Place | null = null;
    for (let page = 0; page < 9; page++) {
      const told: ClusterSessionsTold = await port.ask({ ...list, after, limit: 2 });
      t.ok(told.sessions.length <= 2);
      for (const one of told.silent) seen.push(`${one.node} is silent`);
      for (const one of told.sessions) seen.push(`${one.node} ${one.record.place.number}`);
      const last = told.sessions.at(-1);
      if (!told.more || last === undefined) break;
      after = { boot: last.bootId.slice(-12), place: last.record.place };
    }
    return seen;
  };
  const all = ['n1 1', 'n1 2', 'n1 3', 'n3 4', 'n3 5'].join();
  // On a machine that is busy somebody may be late.
  for (const { port } of [a, b, c])
    await eventually(async () => (await listed(port)).join() === all);
});

interface Place {
  boot: string;
  place: SessionRecord['place'];
}

function at(bootId: string, number: number): Place {
  return { boot: bootId.slice(-12), place: { acceptor: 0, generation: 1, number } };
}

t.test('one is closed at its node', async (t) => {
  const close = { what: 'close', tenant: TENANT } as const;
  const tried = (place: Place): Promise<boolean | null> =>
    b.port.ask({ ...close, at: place }).then(
      ({ closed }) => closed,
      () => null,
    );
  await eventually(async () => (await tried(at(boot(3), 5))) === true);
  t.equal(c.closed[0], 5);
  await eventually(async () => (await tried(at(boot(3), 9))) === false);
  t.match(await b.port.ask({ ...close, at: at(boot(9), 5) }), { closed: false }, 'no such node');
  t.match(await a.port.ask({ ...close, at: at(boot(1), 2) }), { closed: true });
  t.same([a.closed, c.closed[0]], [[2], 5]);
});

t.test('a node that does not answer is named, and others are shown', async (t) => {
  a.speed = 'never';
  const list = { what: 'list', tenant: null, topic: null, after: null, limit: 10 } as const;
  await eventually(async () => {
    const { sessions, silent } = await b.port.ask(list);
    const isNamed = /^no answer for \d+ ms$/.test(silent[0]?.detail ?? '');
    return isNamed && silent[0]?.node === 'n1' && sessions.every(({ node }) => node === 'n3');
  });
  const close = { what: 'close', tenant: TENANT, at: at(boot(1), 2) } as const;
  await t.rejects(b.port.ask(close), { code: 'busy', message: /n1/ });
  a.speed = 'at once';
  const unreached = { ...c.peer, forwardUrl: `http://127.0.0.1:${await freePort()}` };
  place.get(b)?.([a.peer, b.peer, unreached]);
  await eventually(async () => {
    const { silent } = await b.port.ask(list);
    return silent.some(({ node, detail }) => node === 'n3' && detail.includes('ECONNREFUSED'));
  });
  place.get(b)?.([a.peer, b.peer, { ...c.peer, forwardUrl: null }]);
  await eventually(
    async () => (await b.port.ask(list)).silent.map(({ node }) => node).join() === 'n3',
  );
  meet([a, b, c]);
  await eventually(async () => (await b.port.ask(list)).silent.length === 0);
});

t.test('who is no node, and what no node asks', async (t) => {
  const sender = { cluster: 'conduit', bootId: boot(1) };
  const list = { what: 'list', tenant: null, topic: null, after: null, limit: 1 };
  const asked = async (body: Buffer, secret = SECRET): Promise<string> => {
    const headers = { 'x-internal-secret': secret };
    const url = `${b.peer.forwardUrl}/internal/forward`;
    const response = await fetch(url, { method: 'POST', headers, body });
    const { code = '' } = (await response.json()) as { code?: string };
    return `${response.status} ${code}`.trim();
  };
  const sessions = { about: 'sessions', ask: list };
  t.equal(await asked(packQuestion({ ...sender, question: sessions })), '200');
  t.equal(await asked(packQuestion({ ...sender, question: sessions }), 'x'), '403 not_a_node');
  for (const other of [{ cluster: 'other' }, { bootId: boot(9) }, { bootId: boot(2) }]) {
    const refused = await asked(packQuestion({ ...sender, ...other, question: sessions }));
    t.equal(refused, '403 not_a_node', JSON.stringify(other));
  }
  const place = { acceptor: -1, generation: 1, number: 1 };
  const wrong: unknown[] = [
    ...[null, 1, [], {}, { about: 'all' }, { about: 'sessions' }, { about: 'figures' }],
    { about: 'figures', topics: 1, tenants: null },
    { about: 'figures', topics: { incarnation: 1 }, tenants: null },
    ...[0, -1, 1.5, 1e9, '1'].map((limit) => ({ about: 'sessions', ask: { ...list, limit } })),
    { about: 'sessions', ask: { ...list, tenant: 1 } },
    { about: 'sessions', ask: { ...list, after: place } },
    { about: 'sessions', ask: { what: 'close', tenant: null } },
    { about: 'sessions', ask: { what: 'close', tenant: null, place } },
    { about: 'sessions', ask: { ...list, what: 'all' } },
  ];
  for (const question of wrong) {
    const refused = await asked(packQuestion({ ...sender, question }));
    t.equal(refused, '400 bad_request', JSON.stringify(question));
  }
  const garbage = packQuestion({ ...sender, question: sessions }).subarray(0, -1);
  t.equal(await asked(garbage), '400 bad_request');
});

t.test('a node that says nothing is not counted after a while, and named', async (t) => {
  await a.end();
  const asked = { what: 'elsewhere', tenant: TENANT } as const;
  await eventually(async () => (await b.port.ask(asked))?.silent[0] === 'n1');
  t.match(await b.port.ask(asked), { nodes: 1, workers: { activeSubscribers: 0 } });
  await eventually(() => b.elsewhere.get(keyOf('one')) === 2);
});
