/** Conduit itself, as the built command line starts it: on the run's PostgreSQL, or in memory. */
import { readFileSync } from 'node:fs';
import { freePort } from '../test/support/free-port.js';
import { startNode, type TestNode } from '../test/support/node.js';
import type { Contender, Place, Running } from './contender.js';

export type ConduitName = 'conduit' | 'conduit-memory';

/** A node that can be killed and started again on its port and its log. */
export interface RunningNode extends Running {
  kill9(): Promise<void>;
  /** Resolves when it is ready. */
  restart(): Promise<void>;
}

const SYNCS: Readonly<Record<ConduitName, string>> = {
  conduit:
    'each message is committed by PostgreSQL, its WAL flushed (fsync, synchronous_commit on), before ' +
    'the answer; publishes that wait together share a flush',
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
    start: (place) => startConduit(name, place, env),
  };
}

export function isRunningNode(running: Running): running is RunningNode {
  return 'restart' in running;
}

async function startConduit(
  name: ConduitName,
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
    get processes() {
      return processes();
    },
    stop: async () => {
      // One that was ended already has nothing to stop.
      await node.stop();
    },
    kill9: () => node.kill9(),
    restart: async () => {
      node = await startNode(all);
    },
  };
}
