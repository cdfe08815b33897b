/**
 * Whether a session has a backend of its own. A pooler that gives each transaction another backend
 * would lose session settings and locks, and leave ours on a backend that serves others: so this is
 * asked before anything is set or locked.
 */
import pg from 'pg';
import { LogConfigurationError } from '../../contract/log-configuration-error.js';
import type { BoundedClient } from './bounded-client.js';

/** A pooler with one backend lets us wait for the other session for ever. */
const ANSWER_MS = 2_000;
const ROUNDS = 3;
/** The code for what a pooler does not let through. */
const PROTOCOL_VIOLATION = '08P01';

/**
 * Rejects LogConfigurationError when there is a transaction pooler. Resolves with the number of the
 * session's backend. `openOther` is called when something is between us and the server.
 */
export async function ownBackend(
  client: pg.Client,
  openOther: () => Promise<BoundedClient>,
): Promise<number> {
  const pid = await backendPid(client);
  if (pid === clientPid(client)) return pid;
  const other = await openOther();
  try {
    if (await keepsBackend(client, other, pid)) return pid;
  } finally {
    other.destroy();
  }
  throw new LogConfigurationError(
    'DATABASE_URL: a transaction pooler is between (the session has no backend of its own): ' +
      'nodes need session connections',
  );
}

/**
 * While another session holds a backend, ours must keep its own. Some poolers give the backend that was
 * used last, others the one that has waited for longest: asked alone and beside the other, several
 * times, ours changes with each of them.
 */
async function keepsBackend(client: pg.Client, other: pg.Client, pid: number): Promise<boolean> {
  for (let round = 0; round < ROUNDS; round++) {
    const alone = await backendPid(client);
    // A pooler that gives each statement another backend takes no transaction at all.
    if (!(await begins(other))) return false;
    const held = await backendPid(other);
    const beside = await Promise.race([backendPid(client), noAnswer()]);
    await other.query('ROLLBACK');
    if (alone !== pid || beside !== pid || held === pid) return false;
  }
  return true;
}

async function begins(other: pg.Client): Promise<boolean> {
  try {
    await other.query('BEGIN');
    return true;
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === PROTOCOL_VIOLATION) return false;
    throw error;
  }
}

function noAnswer(): Promise<null> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(null), ANSWER_MS).unref();
  });
}

async function backendPid(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid ?? 0;
}

/** What the server, or a pooler in its name, said when we connected. */
function clientPid(client: pg.Client): number {
  return 'processID' in client ? Number(client.processID) : 0;
}
