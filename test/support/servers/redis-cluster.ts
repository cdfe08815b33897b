/**
 * A Redis Cluster of a test's own: three servers with a third of the slots each, made by CLUSTER MEET, since
 * not every machine has redis-cli.
 */
import { eventually } from '../../../native-bench/rig/eventually.js';
import { freePort } from '../../../native-bench/rig/free-port.js';
import { startRedis, type TestRedis } from './redis-server.js';

const SERVERS = 3;
const SLOTS = 16_384;
/** One that is silent for so long has failed, ms. */
const FAILED_MS = 2_000;

export interface TestRedisCluster {
  readonly servers: readonly TestRedis[];
  /** Of two of them. */
  readonly url: string;
  /** All of its slots are served, as all of its servers know. */
  isWhole(): Promise<boolean>;
  stop(): Promise<void>;
}

export async function startRedisCluster(): Promise<TestRedisCluster> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', `${FAILED_MS}`];
  const servers: TestRedis[] = [];
  const buses: number[] = [];
  for (let n = 0; n < SERVERS; n++) {
    // By default 10,000 above the port, which may be no port.
    const bus = await freePort();
    servers.push(await startRedis([...args, '--cluster-port', `${bus}`]));
    buses.push(bus);
  }
  const isWhole = async (): Promise<boolean> => {
    const told = await Promise.all(servers.map(({ client }) => client.call('CLUSTER', 'INFO')));
    const facts = [
      'cluster_state:ok',
      `cluster_slots_ok:${SLOTS}`,
      `cluster_known_nodes:${SERVERS}`,
    ];
    return told.every((info) => facts.every((fact) => String(info).includes(fact)));
  };
  for (const [n, { client, port }] of servers.entries()) {
    const [from, to] = [n, n + 1].map((part) => Math.floor((part * SLOTS) / SERVERS));
    await client.call('CLUSTER', 'ADDSLOTSRANGE', `${from}`, `${(to ?? 0) - 1}`);
    await servers[0]?.client.call('CLUSTER', 'MEET', '127.0.0.1', `${port}`, `${buses[n]}`);
  }
  await eventually(isWhole);
  const places = servers.slice(0, 2).map(({ port }) => `127.0.0.1:${port}`);
  return {
    servers,
    url: `redis+cluster://${places.join(',')}`,
    isWhole,
    stop: async () => {
      for (const server of servers) await server.stop();
    },
  };
}
