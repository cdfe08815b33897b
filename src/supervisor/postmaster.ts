/**
 * The server that runs on the embedded data, if one does: read from postmaster.pid, which outlives
 * a machine's crash, so that its process may by then be another program's.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { PlaceFiles } from './place-files.js';
import type { PostgresPlace } from './postgres-place.js';
import { tryProgram } from './postgres-programs.js';
import { StartRefused } from './start-refused.js';

const READY_MS = 60_000;
const POLL_MS = 100;
const PORT_MIN = 1_024;
const PORT_MAX = 65_535;

/** Lines of postmaster.pid, from 0. */
const PID_LINE = 0;
const PORT_LINE = 3;
const STATUS_LINE = 7;

const PID_FILE = 'data/postmaster.pid';

/** The port of the server on the data, once it takes connections; null when none runs. */
export async function runningPort(place: PostgresPlace): Promise<number | null> {
  const files = new PlaceFiles(place.folder, place.account);
  const until = performance.now() + READY_MS;
  while (performance.now() < until) {
    const lines = files.read(PID_FILE)?.split('\n');
    if (lines === undefined) return null;
    const { code } = await tryProgram(place, 'pg_ctl', ['status', '-D', place.dataDir]);
    if (code !== 0) return null;
    if (await isAnother(Number(lines[PID_LINE]), place)) {
      // PostgreSQL would refuse to start because of it.
      files.remove(PID_FILE);
      return null;
    }
    const port = portIn(lines[PORT_LINE] ?? '');
    if (lines[STATUS_LINE]?.trim() === 'ready' && port !== null) return port;
    await delay(POLL_MS);
  }
  throw new StartRefused(`the PostgreSQL on ${place.dataDir} does not get ready`);
}

/** The port that a file says; null when what it says is none that an ordinary user may take. */
export function portIn(text: string): number | null {
  const port = /^\s*(\d{1,5})\s*$/.exec(text)?.[1];
  const number = Number(port ?? 0);
  return number >= PORT_MIN && number <= PORT_MAX ? number : null;
}

/** Whether the process that has the number now is not the server on this data. */
async function isAnother(pid: number, place: PostgresPlace): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  return command !== null && !command.includes(place.dataDir);
}
