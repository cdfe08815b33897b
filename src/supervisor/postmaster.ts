/**
 * The server that runs on the embedded data, if one does: read from postmaster.pid, which outlives
 * a machine's crash, so that its process may by then be another program's.
 */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresPlace } from './postgres-place.js';
import { tryProgram } from './postgres-programs.js';
import { StartRefused } from './start-refused.js';

const READY_MS = 60_000;
const POLL_MS = 100;

/** Lines of postmaster.pid, from 0. */
const PID_LINE = 0;
const PORT_LINE = 3;
const STATUS_LINE = 7;

/** The port of the server on the data, once it takes connections; null when none runs. */
export async function runningPort(place: PostgresPlace): Promise<number | null> {
  const until = performance.now() + READY_MS;
  while (performance.now() < until) {
    const lines = await readPidFile(place);
    if (lines === null) return null;
    const { code } = await tryProgram(place, 'pg_ctl', ['status', '-D', place.dataDir]);
    if (code !== 0) return null;
    if (await isAnother(Number(lines[PID_LINE]), place)) {
      // PostgreSQL would refuse to start because of it.
      await rm(pidFile(place), { force: true });
      return null;
    }
    if (lines[STATUS_LINE]?.trim() === 'ready') return Number(lines[PORT_LINE]);
    await delay(POLL_MS);
  }
  throw new StartRefused(`the PostgreSQL on ${place.dataDir} does not get ready`);
}

async function readPidFile(place: PostgresPlace): Promise<string[] | null> {
  try {
    return (await readFile(pidFile(place), 'utf8')).split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Whether the process that has the number now is not the server on this data. */
async function isAnother(pid: number, place: PostgresPlace): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  return command !== null && !command.includes(place.dataDir);
}

function pidFile(place: PostgresPlace): string {
  return path.join(place.dataDir, 'postmaster.pid');
}
