/** NATS: core (memory only), and JetStream on files with its default flushes or one a message. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Contender, Place, Running } from '../contender.js';
import { freePort } from '../rig/free-port.js';
import {
  findProgram,
  missingProgram,
  needProgram,
  programVersion,
  runTool,
} from './installed-program.js';
import { natsRequest } from './nats-request.js';
import { type ServerProcess, startServer } from './server-process.js';

const SERVER = 'nats-server';
/** What the stream takes: the load generator's topics. */
const SUBJECTS = ['bench', 'bench.>'];
const MAX_PAYLOAD = 8 * 2 ** 20;

const notInstalled = (): string | null =>
  missingProgram(SERVER, 'install it (Debian: apt-get install nats-server, or nats.io/download)');
const version = (): Promise<string> => programVersion(needProgram(SERVER), ['-v'], /v(\d\S*)/);

export const nats: Contender = {
  name: 'nats',
  syncs:
    'nothing is written: who is not connected misses it; publishes are not answered one by one',
  missing: async () => notInstalled(),
  version,
  start: async (place) => running(await startNats(place, '')),
};

export const jetstream: Contender = {
  name: 'jetstream',
  syncs:
    'each message is handed to the operating system before the answer, and not flushed (seen with ' +
    'strace, 2.9.10); flushed every minute or two (documented): a power loss takes that much',
  missing: async () => notInstalled(),
  version,
  start: (place) => startJetstream(place, ''),
};

export const jetstreamAlways: Contender = {
  name: 'jetstream-always',
  syncs: 'each message is flushed before the answer (sync_interval: always; documented)',
  missing: async () => notInstalled() ?? (await alwaysUnknown()),
  version,
  start: (place) => startJetstream(place, 'sync_interval: always'),
};

function startNats({ folder }: Place, more: string): Promise<ServerProcess> {
  return freePort().then((port) => {
    const file = path.join(folder, 'nats.conf');
    writeFileSync(file, `listen: 127.0.0.1:${port}\nmax_payload: ${MAX_PAYLOAD}\n${more}\n`);
    return startServer({
      name: SERVER,
      program: needProgram(SERVER),
      args: ['-c', file],
      cwd: folder,
      ready: /Server is ready/,
      port,
    });
  });
}

async function startJetstream(place: Place, setting: string): Promise<Running> {
  const server = await startNats(place, jetstreamSection(place.folder, setting));
  try {
    await makeStream(server.port);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return running(server);
}

function jetstreamSection(folder: string, setting: string): string {
  const store = JSON.stringify(path.join(folder, 'jetstream'));
  return `jetstream {\n store_dir: ${store}\n ${setting}\n}`;
}

function running(server: ServerProcess): Running {
  return {
    target: `127.0.0.1:${server.port}`,
    processes: { server: server.pid },
    stop: () => server.stop(),
  };
}

/** On files, one replica, without limits. */
async function makeStream(port: number): Promise<void> {
  const config = {
    name: 'bench',
    subjects: SUBJECTS,
    storage: 'file',
    retention: 'limits',
    num_replicas: 1,
    max_consumers: -1,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
  };
  const answer = await natsRequest(port, '$JS.API.STREAM.CREATE.bench', JSON.stringify(config));
  const { error } = JSON.parse(answer) as { error?: { description: string } };
  if (error !== undefined) throw new Error(`JetStream makes no stream: ${error.description}`);
}

/** The installed server itself is asked, by a check of a configuration file. */
async function alwaysUnknown(): Promise<string | null> {
  const program = findProgram(SERVER);
  if (program === null) return null;
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-nats-'));
  try {
    const file = path.join(folder, 'nats.conf');
    writeFileSync(file, `${jetstreamSection(folder, 'sync_interval: always')}\n`);
    const { code } = await runTool(program, ['-t', '-c', file]);
    if (code === 0) return null;
    return `nats-server ${await version()} does not know sync_interval: install 2.10 or newer`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
