/** Two nodes on one PostgreSQL with a Redis of their own between them, and what their backplanes say. */
import http from 'node:http';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { freePort } from '../../../native-bench/rig/free-port.js';
import { startNode, type TestNode } from '../../../native-bench/rig/node.js';
import { startPostgres, type TestPostgres } from '../../../native-bench/rig/postgres.js';
import { type Answer, request } from '../clients/publisher.js';
import { startRedis, type TestRedis } from '../servers/redis-server.js';

/** A connection that was idle may be closed by the node at any moment. */
const agent = new http.Agent({ keepAlive: false });

export const SECRET = 'a secret that the nodes of a test have in common';

/** Of GET /api/stats. */
export interface BackplaneStats {
  state: string;
  published: number;
  received: number;
  unheard: number;
  unsent_away: number;
  unsent_full: number;
  forwarded: number;
  unforwarded: number;
  link_resets: number;
  errors: number;
  queue_bytes: number;
  channels: number;
  dropped: Record<string, number>;
}

export interface NodePair {
  readonly postgres: TestPostgres;
  readonly redis: TestRedis;
  readonly a: TestNode;
  readonly b: TestNode;
  /** Another one, or one of them again; with one worker. */
  start(id: string): Promise<TestNode>;
}

type Env = Record<string, string | undefined>;

/**
 * Both see each other when it resolves; all is stopped at the test's end. `env`: of both, or what it is made
 * of once Redis is there.
 */
export async function startPair(
  t: { teardown(end: () => unknown): void },
  env: Env | ((redis: TestRedis) => Promise<Env>) = {},
): Promise<NodePair> {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const all = {
    ...{ DATABASE_URL: postgres.url, REDIS_URL: redis.url, INTERNAL_SECRET: SECRET },
    ...(typeof env === 'function' ? await env(redis) : env),
  };
  // Which worker has a topic is each node's own affair.
  const start = async (id: string, workers: string): Promise<TestNode> => {
    const node = await startReachable({ ...all, NODE_ID: id, WORKERS: workers });
    t.teardown(() => {
      node.process.kill('SIGCONT');
      return node.kill9();
    });
    return node;
  };
  const [a, b] = [await start('a', '1'), await start('b', '3')];
  for (const node of [a, b]) await isUp(node);
  const more = async (id: string): Promise<TestNode> => {
    const node = await start(id, '1');
    await isUp(node);
    return node;
  };
  return { postgres, redis, a, b, start: more };
}

/** Where it listens is where others reach it. */
export async function startReachable(env: Record<string, string | undefined>): Promise<TestNode> {
  const port = await freePort();
  return startNode({ PORT: `${port}`, NODE_ADDR: `127.0.0.1:${port}`, ...env });
}

export async function isUp(node: TestNode): Promise<void> {
  await eventually(async () => (await backplaneOf(node)).state === 'up');
}

export async function backplaneOf(node: TestNode): Promise<BackplaneStats> {
  const { body } = await ask(node, '/api/stats');
  return body['backplane'] as BackplaneStats;
}

export function ask(node: TestNode, path: string): Promise<Answer> {
  return request(`${node.url}${path}`, { agent });
}

export function postJson(node: TestNode, path: string, body: unknown): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  return request(`${node.url}${path}`, {
    ...{ method: 'POST', headers, body: JSON.stringify(body), agent },
  });
}

export async function publish(node: TestNode, message: Record<string, unknown>): Promise<Answer> {
  const answer = await postJson(node, '/api/publish', message);
  if (answer.status !== 200) throw new Error(`${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer;
}
