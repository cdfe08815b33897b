/** Redis: a stream whose file is flushed always or every second, and pub/sub without any file. */

import type { Contender } from '../contender.js';
import { freePort } from '../rig/free-port.js';
import { missingProgram, needProgram, programVersion } from './installed-program.js';
import { type ServerProcess, startServer } from './server-process.js';

const SERVER = 'redis-server';

export const redisStream = redis({
  name: 'redis-stream',
  syncs:
    'each command is in the append-only file, and that is flushed (fdatasync, once for all ' +
    'commands of a turn of the event loop), before the answer (seen with strace, 7.0.15)',
  settings: ['--appendonly', 'yes', '--appendfsync', 'always'],
});

export const redisStreamEverysec = redis({
  name: 'redis-stream-everysec',
  syncs:
    'each command is handed to the operating system before the answer; flushed once a second, so ' +
    'a power loss takes up to a second or two (documented)',
  settings: ['--appendonly', 'yes', '--appendfsync', 'everysec'],
});

export const redisPubsub = redis({
  name: 'redis-pubsub',
  syncs: 'nothing is written: who is not connected misses it',
  settings: ['--appendonly', 'no', '--client-output-buffer-limit', 'pubsub 512mb 512mb 0'],
});

export function missingRedis(): string | null {
  return missingProgram(SERVER, 'install Redis (Debian: apt-get install redis-server)');
}

export function redisVersion(): Promise<string> {
  return programVersion(needProgram(SERVER), ['--version'], /v=(\S+)/);
}

/** With its files in `folder`. */
export async function startRedis(
  folder: string,
  settings: readonly string[],
): Promise<ServerProcess> {
  const port = await freePort();
  const common = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder, '--save', ''];
  return startServer({
    name: SERVER,
    program: needProgram(SERVER),
    args: [...common, ...settings],
    cwd: folder,
    ready: /Ready to accept connections/,
    port,
  });
}

function redis(peer: Pick<Contender, 'name' | 'syncs'> & { settings: string[] }): Contender {
  const { name, syncs, settings } = peer;
  return {
    name,
    syncs,
    missing: async () => missingRedis(),
    version: redisVersion,
    start: async ({ folder }) => {
      const server = await startRedis(folder, settings);
      return {
        target: `127.0.0.1:${server.port}`,
        processes: { server: server.pid },
        stop: () => server.stop(),
      };
    },
  };
}
