/** A Redis with a replica, and a Sentinel that makes the one the master when the other is gone. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { startServer } from '../../../native-bench/peers/server-process.js';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { freePort } from '../../../native-bench/rig/free-port.js';
import { findRedis, startRedis, type TestRedis } from './redis-server.js';

const DOWN_MS = 500;

export interface TestSentinel {
  readonly url: string;
  /** The master at the start, and its replica. */
  readonly servers: readonly [TestRedis, TestRedis];
  /** Of the master, as the Sentinel has it now. */
  masterPort(): Promise<number>;
  stop(): Promise<void>;
}

export async function startSentinel(): Promise<TestSentinel> {
  const master = await startRedis();
  const replica = await startRedis(['--replicaof', '127.0.0.1', `${master.port}`]);
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-sentinel-'));
  const port = await freePort();
  const file = path.join(folder, 'sentinel.conf');
  const settings = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    `sentinel down-after-milliseconds main ${DOWN_MS}`,
    'sentinel failover-timeout main 5000',
  ];
  writeFileSync(file, `${settings.join('\n')}\n`);
  const server = await startServer({
    name: 'redis-sentinel',
    program: await findRedis(),
    args: [file, '--sentinel'],
    ready: /monitor master main/,
    port,
  });
  const client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  // It knows whom it can make the master.
  await eventually(async () => {
    const told = (await client.call('SENTINEL', 'REPLICAS', 'main')) as unknown[];
    return told.length === 1;
  });
  return {
    url: `redis+sentinel://127.0.0.1:${port}/main`,
    servers: [master, replica],
    masterPort: async () => {
      const told = (await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main')) as string[];
      return Number(told[1]);
    },
    stop: async () => {
      client.disconnect();
      await server.stop();
      for (const one of [master, replica]) await one.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
