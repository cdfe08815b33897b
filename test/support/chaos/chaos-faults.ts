/** What a chaos test does to its server, one kind after another; each returns when it is over. */
import net from 'node:net';
import pg from 'pg';
import type { TestPostgres } from '../../../native-bench/rig/postgres.js';
import { openWithin } from '../clients/open-within.js';
import type { Format } from '../clients/subscriber.js';
import type { SeededRandom } from '../fuzz/seeded-random.js';
import type { CutProxy } from '../servers/cut-proxy.js';
import type { TestRedis } from '../servers/redis-server.js';
import { type ChaosConsumer, pause } from './chaos-consumer.js';
import type { ChaosServer, ChaosWays } from './chaos-server.js';

export interface ChaosWorld {
  servers: readonly ChaosServer[];
  postgres: TestPostgres;
  /** Between the nodes; null: there is one node. */
  redis: TestRedis | null;
  consumers: readonly ChaosConsumer[];
  topics: readonly string[];
  random: SeededRandom;
}

type Act = (world: ChaosWorld) => Promise<void>;

/** For one node, and for each of several. */
export const FAULTS: Readonly<Record<string, Act>> = {
  'node killed': hit((server) => server.kill()),
  'node restarted': hit((server) => server.restart()),
  'node frozen': ({ servers, random }) => oneOf(servers, random).freeze(random.between(200, 6_000)),
  'worker thread dies': ({ servers, random }) => oneOf(servers, random).killThread('worker'),
  'acceptor thread dies': ({ servers, random }) => oneOf(servers, random).killThread('acceptor'),
  'PostgreSQL killed': ({ postgres, random }) => killPostgres(postgres, random),
  'PostgreSQL frozen': ({ postgres, random }) => freezePostgres(postgres, random),
  'backends terminated': ({ postgres }) => terminateBackends(postgres.url),
  'a snapshot is held': ({ postgres, random }) =>
    holdOpen(postgres.url, 'REPEATABLE READ', 'SELECT count(*) FROM conduit.topics', random),
  'a table is locked': ({ postgres, random }) =>
    holdOpen(postgres.url, 'READ COMMITTED', 'LOCK TABLE conduit.messages', random),
  'connections cut': at('database', async (proxy) => proxy.cut()),
  'accepts and closes': at('database', (proxy, random) => shutDoor(proxy, 'closed', random)),
  'new connections silent': at('database', (proxy, random) => shutDoor(proxy, 'silent', random)),
  'open connections silent': at('database', async (proxy) => void proxy.mute(/./)),
  'some connections silent': at('database', async (proxy, random) => {
    proxy.mute(oneOf(NAMES, random));
  }),
  'answers slow': at('database', slowDown),
  'answers cut off': at('database', cutAnswers),
  'sessions cut': async ({ consumers }) => {
    for (const consumer of consumers) consumer.cut();
  },
  'sessions that never read': neverRead,
};

/** For several. */
export const FAULTS_BETWEEN: Readonly<Record<string, Act>> = {
  'node frozen for long': hit((server, { random }) => server.freeze(longFreezeMs(random))),
  'node drained by another': hit((server, { servers }) => {
    const asked = servers.find((other) => other !== server && !other.isHit);
    return asked === undefined ? server.restart() : server.drain(asked);
  }),
  'one node after the other': async (world) => {
    for (const server of world.servers)
      if (!server.isHit) await withHit(server, () => server.restart());
  },
  'Redis killed': ({ redis, random }) => killRedis(redis, random),
  'Redis frozen': ({ redis, random }) => freezeRedis(redis, random),
  'Redis flushed': async ({ redis }) => void (await redis?.client.flushall().catch(() => null)),
  'Redis cuts who listens': async ({ redis }) => {
    await redis?.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => null);
  },
  'connections to Redis cut': at('redis', async (proxy) => proxy.cut()),
  'connections to Redis silent': at('redis', async (proxy) => void proxy.mute(/./)),
  'Redis closed to a node': at('redis', (proxy, random) => shutDoor(proxy, 'closed', random)),
  'answers of Redis slow': at('redis', slowDown),
  'node out of the reach of others': at('peers', (proxy, random) =>
    shutDoor(proxy, 'silent', random),
  ),
};

/** One server is not killed and frozen at a time. */
export function goTogether(one: string, other: string): boolean {
  return one !== other && ![one, other].every((name) => /^Redis (killed|frozen)$/.test(name));
}

/** They leave nodes in each other's reach, and leases as they are. */
export const WITHIN_REACH = new Set([
  'a snapshot is held',
  'a table is locked',
  'Redis flushed',
  'sessions cut',
  'sessions that never read',
]);

/** Of the node's connections; a name that none has silences none. */
const NAMES = [/append/, /listen/, /pool|cold|browse/, /release|upkeep|presence/];
const PROBE_BYTES = 64;
const OPEN_WITHIN_MS = 3_000;
/** Of faults on a way of one node: how many are on that of all. */
const OF_ALL = 0.3;

function oneOf<T>(list: readonly T[], random: SeededRandom): T {
  const one = list[Math.floor(random.next() * list.length)];
  if (one === undefined) throw new Error('the list is empty');
  return one;
}

/** A node that no other fault ends or starts; where there is none, nothing is done. */
function hit(act: (server: ChaosServer, world: ChaosWorld) => Promise<void>): Act {
  return async (world) => {
    const free = world.servers.filter(({ isHit }) => !isHit);
    if (free.length === 0) return;
    const server = oneOf(free, world.random);
    await withHit(server, () => act(server, world));
  };
}

async function withHit(server: ChaosServer, act: () => Promise<void>): Promise<void> {
  server.isHit = true;
  try {
    await act();
  } finally {
    server.isHit = false;
  }
}

/** On a way of one node, or of all: databases and networks fail for all at once, too. */
function at(
  way: keyof ChaosWays,
  act: (proxy: CutProxy, random: SeededRandom) => Promise<void>,
): Act {
  return async ({ servers, random }) => {
    const isOfAll = servers.length > 1 && random.next() < OF_ALL;
    const some = isOfAll ? servers : [oneOf(servers, random)];
    const proxies = some.map(({ ways }) => ways[way]).filter((proxy) => proxy !== null);
    await Promise.all(proxies.map((proxy) => act(proxy, random)));
  };
}

/** Mostly some seconds, now and then up to a minute. */
function longFreezeMs(random: SeededRandom): number {
  return random.next() < 0.2 ? random.between(20_000, 60_000) : random.between(3_000, 12_000);
}

async function killRedis(redis: TestRedis | null, random: SeededRandom): Promise<void> {
  await redis?.kill9();
  await pause(random.between(0, 6_000));
  await redis?.start();
}

async function freezeRedis(redis: TestRedis | null, random: SeededRandom): Promise<void> {
  redis?.freeze();
  await pause(random.between(200, 6_000));
  redis?.thaw();
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
async function neverRead({ servers, topics, random }: ChaosWorld): Promise<void> {
  const { node } = oneOf(servers, random);
  const formats: Format[] = ['seed', 'json', 'msgpack'];
  const sessions = await Promise.all(
    formats.map((format) => openWithin(OPEN_WITHIN_MS, node.wsUrl, format)),
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
