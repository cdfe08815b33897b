/**
 * What a chaos test hits: PostgreSQL, one node or several with a Redis between them, and a proxy on each way
 * from a node to PostgreSQL, to Redis and to the other nodes.
 */
import pg from 'pg';
import { freePort } from '../../../native-bench/rig/free-port.js';
import { startPostgres, type TestPostgres } from '../../../native-bench/rig/postgres.js';
import { SECRET } from '../nodes/node-pair.js';
import { type CutProxy, startCutProxy } from '../servers/cut-proxy.js';
import { startRedis, type TestRedis } from '../servers/redis-server.js';
import { pause } from './chaos-consumer.js';
import type { ChaosRecorder } from './chaos-recorder.js';
import { ChaosServer, type ChaosWays } from './chaos-server.js';

export interface ChaosCluster {
  servers: readonly ChaosServer[];
  postgres: TestPostgres;
  /** Null: there is one node. */
  redis: TestRedis | null;
  /** Of now. */
  use(): Promise<ChaosUse>;
}

export interface ChaosUse {
  /** Of each node, MiB. */
  memory: number[];
  /** Of all nodes to PostgreSQL. */
  connections: number;
}

/** PostgreSQL's processes need a moment to see their connections end. */
const HEALED_MS = 500;

type OnEnd = (end: () => unknown) => void;

export async function startCluster(
  nodes: number,
  recorder: ChaosRecorder,
  onEnd: OnEnd,
): Promise<ChaosCluster> {
  const postgres = await startPostgres();
  onEnd(() => postgres.stop());
  const redis = nodes === 1 ? null : await startRedis();
  onEnd(() => redis?.stop());
  const servers: ChaosServer[] = [];
  onEnd(() => Promise.all(servers.map((server) => server.end())));
  for (let n = 0; n < nodes; n++) {
    const port = await freePort();
    const ways = await startWays({ database: postgres.port, redis: redis?.port ?? null, port });
    onEnd(() => {
      for (const proxy of all(ways)) proxy.close();
    });
    const env = { PORT: `${port}`, ...threadsOf(n, nodes), ...environmentOf(ways, n) };
    servers.push(await ChaosServer.start(env, ways, recorder));
  }
  const use = async (): Promise<ChaosUse> => {
    // What it has silenced is none of a node's: it has long been given up there.
    for (const { ways } of servers) for (const proxy of all(ways)) proxy.heal();
    await pause(HEALED_MS);
    return {
      memory: servers.map(({ residentMib }) => residentMib),
      connections: await countConnections(postgres.url),
    };
  };
  return { servers, postgres, redis, use };
}

function all({ database, redis, peers }: ChaosWays): CutProxy[] {
  return [database, redis, peers].filter((proxy) => proxy !== null);
}

async function startWays(to: {
  database: number;
  redis: number | null;
  port: number;
}): Promise<ChaosWays> {
  const several = to.redis !== null;
  return {
    database: await startCutProxy(to.database),
    redis: several ? await startCutProxy(to.redis ?? 0) : null,
    peers: several ? await startCutProxy(to.port) : null,
  };
}

/** Which worker has a topic is each node's own affair. */
function threadsOf(n: number, nodes: number): Record<string, string> {
  return nodes === 1
    ? { WORKERS: '2', ACCEPTORS: '2' }
    : { WORKERS: `${1 + (n % 2)}`, ACCEPTORS: '1' };
}

function environmentOf({ database, redis, peers }: ChaosWays, n: number): Record<string, string> {
  const address = (proxy: CutProxy): string => `127.0.0.1:${proxy.port}`;
  return {
    DATABASE_URL: `postgres://postgres@${address(database)}/postgres`,
    NODE_ID: `node-${n + 1}`,
    ...(redis === null ? {} : { REDIS_URL: `redis://${address(redis)}`, INTERNAL_SECRET: SECRET }),
    ...(peers === null ? {} : { NODE_ADDR: address(peers) }),
  };
}

async function countConnections(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query(
    `SELECT count(*)::int AS open FROM pg_stat_activity WHERE application_name LIKE 'conduit/%'`,
  );
  await client.end();
  return Number(rows[0]?.open ?? 0);
}
