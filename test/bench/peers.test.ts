// Goal: every peer that this machine can run starts, does one real operation for a client of its own
// kind, and leaves no process behind, whoever ends it; what is missing is said in one line.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { connect as openSocket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import type { Contender, Place, Running, SelfMeasured } from '../../native-bench/contender.js';
import { natsRequest } from '../../native-bench/peers/nats-request.js';
import { PEERS, type PeerName } from '../../native-bench/peers/peers.js';
import { readSecond } from '../../native-bench/peers/perf-test.js';
import { startServer } from '../../native-bench/peers/server-process.js';
import { eventually } from '../../native-bench/rig/eventually.js';
import { cleanEnvironment } from '../../native-bench/rig/node.js';
import { startPostgres, type TestPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';

const NEEDS_POSTGRES = /^(baseline|pgbench|copy|skip-locked-queue|centrifugo-postgres)/;

/** One operation of each kind; the address is `host:port`. */
const OPERATIONS: Partial<Record<PeerName, (t: Test, target: string) => Promise<void>>> = {
  'bare-uws': useBareUws,
  baseline: useBaseline,
  'baseline-insert': useBaseline,
  'redis-stream': (t, target) => useStream(t, target, 'always'),
  'redis-stream-everysec': (t, target) => useStream(t, target, 'everysec'),
  'redis-pubsub': useRedisPubsub,
  nats: useNats,
  jetstream: useJetstream,
  'jetstream-always': useJetstream,
  centrifugo: (t, target) => useCentrifugo(t, target, {}),
  'centrifugo-redis': (t, target) => useCentrifugo(t, target, { recoverable: true }),
  'centrifugo-postgres': (t, target) => useCentrifugo(t, target, { recoverable: true }),
};

const postgres = await startPostgres();
t.teardown(() => postgres.stop());

for (const [key, peer] of Object.entries(PEERS)) {
  const name = key as PeerName;
  t.test(name, async (t) => {
    t.equal(peer.name, name);
    t.match(peer.syncs, /^.{20,}$/, 'one line that says what is written');
    const missing = await peer.missing();
    if (missing !== null) {
      t.match(missing, /^[^\n]{20,}$/);
      t.comment(missing);
      return;
    }
    t.match(await peer.version(), /\d+\.\d+/);
    const running = await peer.start(newPlace(NEEDS_POSTGRES.test(name) ? postgres : null));
    t.teardown(() => running.stop());
    await useRunning(t, peer, running);
    const pids = Object.entries(running.processes).filter(([of]) => of !== 'postgres');
    t.ok(pids.every(([, pid]) => existsSync(`/proc/${pid}`)));
    await running.stop();
    t.notOk(pids.some(([, pid]) => existsSync(`/proc/${pid}`)));
    await eventually(() => childrenOfThis().length === 0);
    await running.stop();
  });
}

t.test('the schemas are dropped', async (t) => {
  const sql = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'peer%'";
  t.same(await queryRows(sql), []);
});

t.test('what needs PostgreSQL says so', async (t) => {
  for (const name of ['baseline', 'copy', 'centrifugo-postgres'] as const) {
    await t.rejects(PEERS[name].start(newPlace(null)), {
      message: /needs the run's own PostgreSQL/,
    });
  }
});

t.test('a PostgreSQL that does not flush is refused', async (t) => {
  await queryRows('ALTER DATABASE postgres SET synchronous_commit = off');
  t.teardown(() => queryRows('ALTER DATABASE postgres RESET synchronous_commit'));
  await t.rejects(PEERS.baseline.start(newPlace(postgres)), {
    message: /synchronous_commit is off/,
  });
});

t.test('a missing program is said in one line', async (t) => {
  const kept = process.env['PATH'];
  t.teardown(() => {
    process.env['PATH'] = kept;
  });
  process.env['PATH'] = '';
  for (const name of ['redis-stream', 'redis-pubsub', 'nats', 'jetstream-always'] as const) {
    t.match(await PEERS[name].missing(), /^(redis|nats)-server is not on PATH: install [^\n]+$/);
  }
  t.match(await PEERS.rabbitmq.missing(), /^rabbitmq-server is not on PATH: install [^\n]+$/);
  t.match(await PEERS.centrifugo.missing(), /^centrifugo is not on PATH: [^\n]+$/);
});

t.test("PerfTest's lines are read: of a second, and no other", async (t) => {
  const line =
    'id: test-024047-147, time 2.002 s, sent: 25838 msg/s, confirmed: 25837 msg/s, nacked: 3 msg/s, ' +
    'min/median/75th/95th/99th confirm latency: 771/1709/2019/5275/8486 µs';
  const confirmUs = { p50: 1_709, p95: 5_275, p99: 8_486 };
  t.same(readSecond(line), { at: 2.002, confirmed: 25_837, nacked: 3, confirmUs });
  const older = line.replace('time 2.002 s', 'time: 2,002s').replace(/, nacked.*/, '');
  t.same(readSecond(older), { at: 2.002, confirmed: 25_837, nacked: 0, confirmUs: null });
  t.equal(readSecond('id: test-024047-147, starting producer #0, channel #0'), null);
  t.equal(readSecond('id: test-024047-147, sending rate avg: 27445 msg/s'), null);
});

t.test('a server that does not start is an error with its last words', async (t) => {
  const script = 'console.log("first"); console.error("the port is taken"); process.exit(3)';
  const command = {
    name: 'some-server',
    program: process.execPath,
    args: ['-e', script],
    ready: /never/,
    port: 1,
  };
  await t.rejects(startServer(command), {
    message: /^some-server did not start: it ended with 3\n(.*\n)*the port is taken/,
  });
  await t.rejects(startServer({ ...command, program: '/no/such/program' }), {
    message: /^some-server did not start: .*ENOENT/,
  });
});

t.test('a run whose parent is killed leaves no process', async (t) => {
  const names = ['bare-uws', 'redis-pubsub', 'nats'] as const;
  const missing = await Promise.all(names.map((name) => PEERS[name].missing()));
  const started = names.filter((_, n) => missing[n] === null);
  const peers = new URL('../../native-bench/peers/peers.js', import.meta.url);
  const script = `const { PEERS } = await import(${JSON.stringify(peers.href)});
    for (const name of ${JSON.stringify(started)}) {
      const { processes } = await PEERS[name].start(${JSON.stringify(newPlace(null))});
      process.stdout.write(processes.server + '\\n');
    }
    process.kill(process.pid, 'SIGKILL');`;
  const done = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: cleanEnvironment(),
  });
  t.equal(done.signal, 'SIGKILL', done.stderr);
  const pids = done.stdout.trim().split('\n');
  t.equal(pids.length, started.length);
  await eventually(() => !pids.some(isAlive), 10_000);
});

async function useRunning(
  t: Test,
  peer: Contender | SelfMeasured,
  running: Running,
): Promise<void> {
  if (!('measure' in peer)) {
    t.match(running.target, /^127\.0\.0\.1:\d+$/);
    const operation = OPERATIONS[peer.name as PeerName];
    if (operation === undefined) t.fail('nothing tries it');
    await operation?.(t, running.target ?? '');
    return;
  }
  t.equal(running.target, null);
  const sample = await peer.measure(running, 1);
  t.same(sample.problems, []);
  t.ok(sample.perSecond > 0);
  t.ok(Object.values(sample.cpuUs).every((us) => us > 0 && us < 1e5));
  if (peer.name === 'rabbitmq') t.ok((sample.more['confirm_p99_us'] ?? 0) > 0);
  if (!NEEDS_POSTGRES.test(peer.name)) return;
  // A row of COPY takes about 5, an INSERT 100 and more: a backend that is not counted would show.
  t.ok((sample.cpuUs['postgres'] ?? 0) > (peer.name.startsWith('pgbench') ? 20 : 1));
  const { p50 = 0, p99 = 0, max = 0 } = sample.latencyUs ?? {};
  t.ok(p50 > 0 && p50 <= p99 && p99 <= max);
}

async function useBareUws(t: Test, target: string): Promise<void> {
  const made = await post(target, '/api/topics', { name: 'bench' });
  t.equal(made.status, 201);
  // More than one chunk of the socket.
  const payload = 'x'.repeat(300_000);
  const { status, body } = await post(target, '/api/publish', { topic: 'bench', payload });
  t.equal(status, 200);
  t.equal(body['topic'], 'bench');
  const subscriber = await openWebSocket(`ws://${target}/sub`);
  const publisher = await openWebSocket(`ws://${target}/pub`);
  t.teardown(() => [subscriber, publisher].map((socket) => socket.terminate()));
  const received = nextFrame(subscriber);
  const receipt = nextFrame(publisher);
  publisher.send('{"n":1}');
  t.equal((await received).toString(), '{"n":1}');
  t.equal((await receipt).length, 1);
}

async function useBaseline(t: Test, target: string): Promise<void> {
  const none = await post(target, '/api/publish', { topic: 'bench', payload: 1 });
  t.equal(none.status, 404);
  t.equal((await post(target, '/api/topics', { name: 'bench' })).status, 201);
  t.equal((await post(target, '/api/topics', { name: 'bench' })).status, 409);
  const publishes = Array.from({ length: 20 }, (_, n) =>
    post(target, '/api/publish', { topic: 'bench', payload: { n } }),
  );
  const answers = await Promise.all(publishes);
  t.ok(answers.every(({ status }) => status === 200));
  const sequences = answers.map(({ body }) => Number(body['sequence'])).sort((a, b) => a - b);
  t.same(
    sequences,
    sequences.map((_, n) => n + 1),
  );
  const [schema] = await queryRows(
    "SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'peer%'",
  );
  const rows = await queryRows(`SELECT encode(payload, 'escape') AS name
    FROM ${schema}.messages ORDER BY sequence`);
  t.same(new Set(rows), new Set(answers.map((_, n) => `{"n":${n}}`)));
}

async function useStream(t: Test, target: string, fsync: string): Promise<void> {
  const added = await exchange(target, 'XADD bench * payload hello\r\n', /^\$\d+\r\n.*\r\n/);
  t.match(added, /^\$\d+\r\n\d+-\d+\r\n$/);
  t.match(await exchange(target, 'XLEN bench\r\n', /\r\n/), /^:1\r\n/);
  const setting = await exchange(target, 'CONFIG GET appendfsync\r\n', /(always|everysec|no)\r\n/);
  t.ok(setting.endsWith(`${fsync}\r\n`), setting);
}

async function useRedisPubsub(t: Test, target: string): Promise<void> {
  const received = exchange(target, 'SUBSCRIBE bench\r\n', /hello\r\n/);
  await eventually(async () => {
    const reply = await exchange(target, 'PUBLISH bench hello\r\n', /\r\n/);
    return reply === ':1\r\n';
  });
  t.match(await received, /message\r\n\$5\r\nbench\r\n\$5\r\nhello\r\n/);
  const limit = 'CONFIG GET client-output-buffer-limit\r\n';
  t.match(await exchange(target, limit, /pubsub .*\r\n/), /pubsub 536870912 536870912 0/);
  t.match(await exchange(target, 'CONFIG GET appendonly\r\n', /(yes|no)\r\n/), /no\r\n$/);
}

async function useNats(t: Test, target: string): Promise<void> {
  const frames = 'CONNECT {"verbose":false}\r\nSUB bench 7\r\nPUB bench 5\r\nhello\r\n';
  t.match(await exchange(target, frames, /hello\r\n/), /MSG bench 7 5\r\nhello\r\n/);
}

async function useJetstream(t: Test, target: string): Promise<void> {
  const port = Number(target.split(':')[1]);
  for (const [n, subject] of ['bench', 'bench.17'].entries()) {
    const answer = JSON.parse(await natsRequest(port, subject, '{"n":1}')) as unknown;
    t.match(answer, { stream: 'bench', seq: n + 1 });
  }
}

async function useCentrifugo(t: Test, target: string, subscribed: object): Promise<void> {
  const socket = await openWebSocket(`ws://${target}/connection/websocket`);
  t.teardown(() => socket.terminate());
  const replies: Record<string, unknown>[] = [];
  socket.on('message', (message) => {
    for (const line of String(message).split('\n')) {
      replies.push(JSON.parse(line) as Record<string, unknown>);
    }
  });
  const subscribe = { id: 2, subscribe: { channel: 'bench' } };
  socket.send(`{"id":1,"connect":{}}\n${JSON.stringify(subscribe)}`);
  await eventually(() => replies.length === 2);
  t.match(replies, [
    { id: 1, connect: { pong: true } },
    { id: 2, subscribe: subscribed },
  ]);
  const { status, body } = await post(target, '/api/publish', {
    channel: 'bench',
    data: { n: 1 },
  });
  t.equal(status, 200);
  t.match(body, { result: {} });
  await eventually(() => replies.length === 3);
  t.match(replies[2], { push: { channel: 'bench', pub: { data: { n: 1 } } } });
}

function newPlace(server: TestPostgres | null): Place {
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-peer-'));
  chmodSync(folder, 0o755);
  return { folder, postgresUrl: server?.url ?? null, postgresPid: server?.pid ?? null };
}

function post(target: string, route: string, body: object) {
  const headers = { 'Content-Type': 'application/json' };
  return request(`http://${target}${route}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
}

function openWebSocket(url: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
  });
}

function nextFrame(socket: WebSocket): Promise<Buffer> {
  return new Promise((resolve) => socket.once('message', (data) => resolve(data as Buffer)));
}

/** Writes the text on a new connection; all that came back, once it has what is awaited. */
function exchange(target: string, text: string, awaited: RegExp): Promise<string> {
  const [host = '', port = ''] = target.split(':');
  return new Promise((resolve, reject) => {
    const socket = openSocket(Number(port), host);
    let received = '';
    socket.setTimeout(20_000, () => socket.destroy(new Error(`no answer: ${received}`)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`closed by the server: ${received}`)));
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      received += chunk;
      if (!awaited.test(received)) return;
      socket.destroy();
      resolve(received);
    });
    socket.write(text);
  });
}

/** The values of the first column. */
async function queryRows(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows.map((row) => Object.values(row)[0]);
  } finally {
    await client.end();
  }
}

function childrenOfThis(): string[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && parentOf(pid) === process.pid);
}

function parentOf(pid: string): number {
  return Number(statOf(pid)?.split(' ')[1] ?? 0);
}

/** Not gone, nor a zombie that nobody has reaped yet. */
function isAlive(pid: string): boolean {
  const stat = statOf(pid);
  return stat !== null && !stat.startsWith('Z');
}

/** "state ppid ..."; null when there is no such process. */
function statOf(pid: string): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2);
  } catch {
    return null;
  }
}
