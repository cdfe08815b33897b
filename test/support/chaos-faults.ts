/** What a chaos test does to its server, one kind after another; each returns when it is over. */
import net from 'node:net';
import pg from 'pg';
import type { TestPostgres } from '../../native-bench/rig/postgres.js';
import { type ChaosConsumer, pause } from './chaos-consumer.js';
import type { ChaosServer } from './chaos-server.js';
import type { CutProxy } from './cut-proxy.js';
import type { SeededRandom } from './seeded-random.js';
import { type Format, Subscriber } from './subscriber.js';

export interface ChaosWorld {
  server: ChaosServer;
  postgres: TestPostgres;
  /** Between the node and PostgreSQL. */
  proxy: CutProxy;
  consumers: readonly ChaosConsumer[];
  topics: readonly string[];
  random: SeededRandom;
}

type Act = (world: ChaosWorld) => Promise<void>;

export const FAULTS: Readonly<Record<string, Act>> = {
  'node killed': ({ server }) => server.kill(),
  'node restarted': ({ server }) => server.restart(),
  'node frozen': ({ server, random }) => server.freeze(random.between(200, 6_000)),
  'worker thread dies': ({ server }) => server.killThread('worker'),
  'acceptor thread dies': ({ server }) => server.killThread('acceptor'),
  'PostgreSQL killed': ({ postgres, random }) => killPostgres(postgres, random),
  'PostgreSQL frozen': ({ postgres, random }) => freezePostgres(postgres, random),
  'backends terminated': ({ postgres }) => terminateBackends(postgres.url),
  'a snapshot is held': ({ postgres, random }) =>
    holdOpen(postgres.url, 'REPEATABLE READ', 'SELECT count(*) FROM conduit.topics', random),
  'a table is locked': ({ postgres, random }) =>
    holdOpen(postgres.url, 'READ COMMITTED', 'LOCK TABLE conduit.messages', random),
  'connections cut': async ({ proxy }) => proxy.cut(),
  'accepts and closes': ({ proxy, random }) => shutDoor(proxy, 'closed', random),
  'new connections silent': ({ proxy, random }) => shutDoor(proxy, 'silent', random),
  'open connections silent': async ({ proxy }) => void proxy.mute(/./),
  'some connections silent': async ({ proxy, random }) => void proxy.mute(oneOf(NAMES, random)),
  'answers slow': ({ proxy, random }) => slowDown(proxy, random),
  'answers cut off': ({ proxy, random }) => cutAnswers(proxy, random),
  'sessions cut': async ({ consumers }) => {
    for (const consumer of consumers) consumer.cut();
  },
  'sessions that never read': neverRead,
};

/** Two of these at a time would start two nodes on one port. */
export const STARTS_A_NODE = new Set(['node killed', 'node restarted']);

/** Of the node's connections; a name that none has silences none. */
const NAMES = [/append/, /listen/, /pool|cold|browse/, /release|upkeep/];
const PROBE_BYTES = 64;

function oneOf<T>(list: readonly T[], random: SeededRandom): T {
  const one = list[Math.floor(random.next() * list.length)];
  if (one === undefined) throw new Error('the list is empty');
  return one;
}

async function killPostgres(postgres: TestPostgres, random: SeededRandom): Promise<void> {
  await postgres.kill9();
  await pause(random.between(0, 4_000));
  await postgres.start();
}

async function freezePostgres(postgres: TestPostgres, random: SeededRandom): Promise<void> {
  postgres.freeze();
  await pause(random.between(200, 8_000));
  postgres.thaw();
}

async function terminateBackends(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'conduit/%'`,
    );
  } catch (error) {
    // It is being killed, too: that terminates them as well.
    if (!/ECONNREFUSED|ECONNRESET|terminat|starting up/i.test(String(error))) throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Somebody's transaction, in the same database. */
async function holdOpen(
  databaseUrl: string,
  level: string,
  sql: string,
  random: SeededRandom,
): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(`BEGIN ISOLATION LEVEL ${level}; ${sql}`);
    await pause(random.between(200, 5_000));
  } catch (error) {
    // It is being killed, too; or an append and this wait for each other, and this is ended.
    if (!/ECONNREFUSED|ECONNRESET|terminat|starting up|deadlock/i.test(String(error))) throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function shutDoor(
  proxy: CutProxy,
  door: 'closed' | 'silent',
  random: SeededRandom,
): Promise<void> {
  proxy.door = door;
  proxy.cut();
  await pause(random.between(500, 6_000));
  proxy.door = 'open';
  // Those that were let in while it was silent stay so: nobody answers them.
}

async function slowDown(proxy: CutProxy, random: SeededRandom): Promise<void> {
  proxy.delayMs = random.between(20, 400);
  await pause(random.between(1_000, 4_000));
  proxy.delayMs = 0;
}

/** For a while each answer may be the last of its connection: what was asked has run, or not. */
async function cutAnswers(proxy: CutProxy, random: SeededRandom): Promise<void> {
  const own = random.fork();
  proxy.fromServer = () => (own.next() < 0.05 ? 'cut' : 'pass');
  await pause(random.between(500, 3_000));
  proxy.fromServer = () => 'pass';
}

/** In every format, and SSE; each asks for all there is. */
async function neverRead({ server, topics, random }: ChaosWorld): Promise<void> {
  const { node } = server;
  const formats: Format[] = ['seed', 'json', 'msgpack'];
  const sessions = await Promise.all(
    formats.map((format) => Subscriber.open(node.wsUrl, format).catch(() => null)),
  );
  for (const session of sessions) {
    if (session === null) continue;
    for (const topic of topics) {
      session.send({ type: 'subscribe', topic, ack: 'none', start: { from: 'earliest' } });
    }
    session.socket.pause();
  }
  const stream = net.connect(node.port, '127.0.0.1');
  stream.on('error', () => undefined);
  stream.write(`GET /api/topics/${topics[0]}/events?from=earliest HTTP/1.1\r\nHost: x\r\n\r\n`);
  stream.pause();
  // They write all the same.
  const until = performance.now() + random.between(2_000, 6_000);
  while (performance.now() < until) {
    for (const session of sessions) {
      if (session?.socket.readyState !== 1) continue;
      session.send({ type: 'heartbeat', ref: 'x'.repeat(PROBE_BYTES) });
    }
    await pause(50);
  }
  for (const session of sessions) session?.socket.terminate();
  stream.destroy();
}
