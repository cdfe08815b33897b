/**
 * Runs the programs of PostgreSQL (initdb, pg_ctl, postgres) as its account, in a session of their
 * own: neither a Ctrl-C in the node's terminal nor its death reaches the server that they start.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { PlaceFiles } from './place-files.js';
import type { PostgresPlace } from './postgres-place.js';
import { StartRefused } from './start-refused.js';

const LOG_FILE = 'postgres.log';
const TIMEOUT_S = 60;
/** After its exit, what a program wrote has been read by then. */
const OUTPUT_MS = 250;

export interface ProgramResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export function serverLog(place: PostgresPlace): string {
  return path.join(place.folder, LOG_FILE);
}

/** Rejects StartRefused when it cannot be run, or ends with another code than 0. */
export async function runProgram(
  place: PostgresPlace,
  name: string,
  args: readonly string[],
): Promise<string> {
  const { code, stdout, stderr } = await tryProgram(place, name, args);
  if (code === 0) return stdout;
  const why = lastLine(stderr) ?? lastLine(stdout) ?? `it ended with ${code}`;
  throw new StartRefused(`${name} of the embedded PostgreSQL: ${why}`);
}

/** pg_ctl with `-w`; rejects StartRefused with the server's own last word. */
export async function pgCtl(place: PostgresPlace, args: readonly string[]): Promise<void> {
  const all = [...args, '-w', '-t', String(TIMEOUT_S), '-D', place.dataDir];
  const { code } = await tryProgram(place, 'pg_ctl', all);
  if (code === 0) return;
  const log = serverLog(place);
  const lines = new PlaceFiles(place.folder, place.account).readEnd(LOG_FILE).split('\n');
  const word = lines.findLast((line) => /(FATAL|PANIC):/.test(line))?.replace(/^.*?: {2}/, '');
  throw new StartRefused(
    `the embedded PostgreSQL does not ${args[0]}: ${word ?? 'no reason given'} (${log})`,
  );
}

/** Resolves when it has ended and its output with it, which a server it started may hold open. */
export function tryProgram(
  place: PostgresPlace,
  name: string,
  args: readonly string[],
): Promise<ProgramResult> {
  const { folder, native, account } = place;
  return new Promise((resolve, reject) => {
    const child = spawn(path.join(native, 'bin', name), args, {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...account,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', (error) => reject(new StartRefused(`${name}: ${error.message}`)));
    child.once('exit', () => {
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, OUTPUT_MS);
    });
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

function lastLine(text: string): string | undefined {
  return text.trim().split('\n').at(-1) || undefined;
}
