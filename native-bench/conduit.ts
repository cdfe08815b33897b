/** Conduit itself, as its command line starts it: in memory, or one node or two on the run's PostgreSQL. */
import { readFileSync } from 'node:fs';
import type { Contender, Place, Running } from './contender.js';
import { missingRedis, startRedis } from './peers/redis.js';
import { freePort } from './rig/free-port.js';
import { startNode, type TestNode } from './rig/node.js';

export type ConduitName = 'conduit' | 'conduit-pair' | 'conduit-memory';

/** A node that can be killed and started again on its port and its log. */
export interface RunningNode extends Running {
  kill9(): Promise<void>;
  /** Resolves when it is ready. */
  restart(): Promise<void>;
  /** `SIGKILL`, `1`: what its process ended with; null while it runs. */
  endedWith(): string | null;
}

const COMMITTED =
  'each message is committed by PostgreSQL, its WAL flushed (fsync, synchronous_commit on), before ' +
  'the answer; publishes that wait together share a flush';
const SYNCS: Readonly<Record<ConduitName, string>> = {
  conduit: COMMITTED,
  'conduit-pair': COMMITTED,
  'conduit-memory': 'nothing is written: a bounded log in memory',
};

/** `env` is added to the environment; HOST, PORT and the database are set here, unless it does. */
export function conduit(name: ConduitName, env: Readonly<Record<string, string>> = {}): Contender {
  return {
    name,
    syncs: SYNCS[name],
    missing: async () => null,
    version: async () => {
      const file = new URL('../../package.json', import.meta.url);
      return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
    },
    start: (place) =>
      name === 'conduit-pair' ? startPair(place, env) : startConduit(name, place, env),
  };
}

export function isConduit(name: string): name is ConduitName {
  return Object.hasOwn(SYNCS, name);
}

export function isRunningNode(running: Running): running is RunningNode {
  return 'restart' in running;
}

/**
 * Two nodes on one log, with a Redis between them where one is installed; a port that `env` gives is the
 * first one's.
 */
async function startPair(place: Place, env: Readonly<Record<string, string>>): Promise<Running> {
  const redis =
    missingRedis() === null ? await startRedis(place.folder, ['--appendonly', 'no']) : null;
  const between = redis === null ? {} : { REDIS_URL: `redis://127.0.0.1:${redis.port}` };
  const nodes: RunningNode[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
    await redis?.stop();
  };
  const start = async (own: Readonly<Record<string, string>>): Promise<RunningNode> => {
    const node = await startConduit('conduit', place, { ...between, ...own });
    nodes.push(node);
    return node;
  };
  try {
    const first = await start({ NODE_ID: 'first', ...env });
    const others = { ...env, NODE_ID: 'second', PORT: String(await freePort()) };
    const second = await start(others);
    return {
      target: first.target,
      second: second.target ?? '',
      ...(first.database === undefined ? {} : { database: first.database }),
      processes: {
        ...first.processes,
        second: second.processes['server'] ?? 0,
        ...(redis === null ? {} : { redis: redis.pid }),
      },
      ended: () => endOf('first', first) ?? endOf('second', second),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function endOf(which: string, node: RunningNode): string | null {
  const how = node.endedWith();
  return how === null ? null : `the ${which} node ended with ${how}`;
}

async function startConduit(
  name: 'conduit' | 'conduit-memory',
  { postgresUrl, postgresPid }: Place,
  env: Readonly<Record<string, string>>,
): Promise<RunningNode> {
  const isDurable = name === 'conduit';
  if (isDurable && postgresUrl === null) throw new Error("there is no PostgreSQL of the run's own");
  const port = env['PORT'] ?? String(await freePort());
  const all = {
    ...(isDurable && postgresUrl !== null ? { DATABASE_URL: postgresUrl } : {}),
    ...env,
    PORT: port,
  };
  let node: TestNode = await startNode(all);
  const processes = (): Record<string, number> => ({
    server: node.pid,
    ...(isDurable && postgresPid !== null ? { postgres: postgresPid } : {}),
  });
  return {
    target: `127.0.0.1:${port}`,
    ...(isDurable && postgresUrl !== null ? { database: postgresUrl } : {}),
    get processes() {
      return processes();
    },
    stop: async () => {
      // One that was ended already has nothing to stop.
      await node.stop();
    },
    kill9: () => node.kill9(),
    endedWith: () => {
      const { signalCode, exitCode } = node.process;
      return signalCode ?? exitCode?.toString() ?? null;
    },
    restart: async () => {
      node = await startNode(all);
    },
  };
}
