/**
 * A session fit for appends: ours alone, on a server whose COMMIT means "on disk", and which incarnation
 * of the database it is. Asked at every connect: a fail-over may have changed all of it.
 */
import type { BoundedClient } from '../session/bounded-client.js';
import type { Entered, Incarnation } from '../session/incarnation.js';
import type { KeptConnection } from '../session/kept-connection.js';
import type { ConnectionOptions } from '../session/log-connection.js';
import { assertServer, openConnection } from '../session/log-connection.js';
import { ownBackend } from '../session/pooler-check.js';

const ASK_TIMEOUT_MS = 3_000;
/**
 * Topics that are held are skipped: what an append waits for is a table that somebody has locked. Who waits
 * behind it waits as long again.
 */
const LOCK_TIMEOUT_MS = 1_000;
/**
 * Whatever an append looks up is found by an index, and a plan that was made for any parameters does for all.
 * Left to itself the server plans what takes an array anew each time (120 us), and reads the whole of a leaf
 * that was empty when it last looked.
 */
export const BY_INDEX_SQL = `SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
  SET enable_bitmapscan = off`;

export interface AppendSession {
  client: BoundedClient;
  /** Of its backend. */
  pid: number;
  incarnation: Incarnation;
  writable: boolean;
}

export type AppendConnection = KeptConnection<AppendSession>;

/**
 * `enter`: says which log it is, before anything is appended to it. Rejects LogConfigurationError for
 * what only a person can put right.
 */
export async function openAppendSession(
  options: ConnectionOptions,
  enter: (client: BoundedClient) => Promise<Entered>,
  onLost: (error: Error) => void,
): Promise<AppendSession> {
  const client = await openConnection(options, onLost);
  const timer = setTimeout(() => client.destroy(), ASK_TIMEOUT_MS);
  try {
    await assertServer(client);
    await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}; ${BY_INDEX_SQL}`);
    const pid = await ownBackend(client, () =>
      openConnection({ ...options, answerMs: ASK_TIMEOUT_MS }),
    );
    const { incarnation, writable } = await enter(client);
    return { client, pid, incarnation, writable };
  } catch (error) {
    client.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
