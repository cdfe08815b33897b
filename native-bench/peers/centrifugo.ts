/**
 * Centrifugo by its broker: its own memory, a Redis of its own, or the run's PostgreSQL. With the last
 * two its channels keep a history, and subscribers are positioned in it: what they miss they recover,
 * and a gap ends their subscription. In memory a channel has none here. Nobody needs a key or a token.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Contender, Place, Running } from '../contender.js';
import { freePort } from '../rig/free-port.js';
import { missingProgram, needProgram, programVersion } from './installed-program.js';
import { makeSchema } from './postgres-schema.js';
import { missingRedis, redisVersion, startRedis } from './redis.js';
import { startServer } from './server-process.js';

const SERVER = 'centrifugo';
const SCHEMA = 'peer_centrifugo';
const HISTORY = { history_size: 1_000, history_ttl: '300s', force_recovery: true };
/** As Redis has it here: who reads late is waited for. */
const QUEUE_BYTES_MAX = 512 * 2 ** 20;

/** Where channels are, started beside it. */
interface Broker {
  /** Of its configuration. */
  settings: object;
  channels: object;
  processes: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export const centrifugo: Contender = {
  name: SERVER,
  syncs: 'nothing is written (memory engine, no history): who is not connected misses it',
  missing: async () => notInstalled(),
  version,
  start: (place) =>
    startWith(place, { settings: {}, channels: {}, processes: {}, stop: async () => undefined }),
};

export const centrifugoRedis: Contender = {
  name: 'centrifugo-redis',
  syncs:
    "each message is in Redis' stream of its channel, handed to the operating system before the answer " +
    '(appendfsync everysec): a power loss takes up to a second or two (documented)',
  missing: async () => notInstalled() ?? missingRedis(),
  version: async () => `${await version()}, Redis ${await redisVersion()}`,
  start: async (place) => startWith(place, await redisBroker(place)),
};

export const centrifugoPostgres: Contender = {
  name: 'centrifugo-postgres',
  syncs:
    'each message in a transaction of its own; its WAL is flushed by PostgreSQL (fsync and ' +
    'synchronous_commit are on) before the answer',
  missing: async () => notInstalled(),
  version,
  start: async (place) => startWith(place, await postgresBroker(place)),
};

function notInstalled(): string | null {
  return missingProgram(SERVER, 'install it (github.com/centrifugal/centrifugo, 6 or newer)');
}

function version(): Promise<string> {
  return programVersion(needProgram(SERVER), ['version'], /v?(\d+\.\d+\.\d+)/);
}

async function redisBroker({ folder }: Place): Promise<Broker> {
  const redis = await startRedis(folder, ['--appendonly', 'yes', '--appendfsync', 'everysec']);
  const address = `redis://127.0.0.1:${redis.port}`;
  return {
    settings: { engine: { type: 'redis', redis: { address } } },
    channels: HISTORY,
    processes: { redis: redis.pid },
    stop: () => redis.stop(),
  };
}

/** Without `use_notify` a message waits for the next poll; its payload is kept as it came. */
async function postgresBroker(place: Place): Promise<Broker> {
  const schema = await makeSchema(place, SCHEMA, '');
  const url = new URL(place.postgresUrl ?? '');
  url.searchParams.set('sslmode', 'disable');
  url.searchParams.set('search_path', SCHEMA);
  const postgres = { dsn: url.href, use_notify: true, binary_data: true };
  return {
    settings: { broker: { enabled: true, type: 'postgres', postgres } },
    channels: HISTORY,
    processes: schema.processes,
    stop: () => schema.drop(),
  };
}

/** The broker ends with it, and when it does not start. */
async function startWith({ folder }: Place, broker: Broker): Promise<Running> {
  try {
    const port = await freePort();
    const file = path.join(folder, 'centrifugo.json');
    writeFileSync(file, JSON.stringify(configuration(port, broker)));
    const server = await startServer({
      name: SERVER,
      program: needProgram(SERVER),
      args: ['-c', file],
      cwd: folder,
      ready: /serving [^"]* endpoints on/,
      port,
    });
    return {
      target: `127.0.0.1:${port}`,
      processes: { server: server.pid, ...broker.processes },
      stop: async () => {
        await server.stop();
        await broker.stop();
      },
    };
  } catch (error) {
    await broker.stop();
    throw error;
  }
}

function configuration(port: number, { settings, channels }: Broker): object {
  return {
    http_server: { address: '127.0.0.1', port },
    http_api: { insecure: true },
    client: { allow_anonymous_connect_without_token: true, queue_max_size: QUEUE_BYTES_MAX },
    channel: {
      without_namespace: {
        allow_subscribe_for_client: true,
        allow_subscribe_for_anonymous: true,
        ...channels,
      },
    },
    usage_stats: { disabled: true },
    ...settings,
  };
}
