/** The first connection of a log, of which whoever starts a node reads one line when it fails. */
import { describeDatabase } from '../../../core/database-url.js';
import { LogConfigurationError } from '../../contract/log-configuration-error.js';
import { messageOf } from '../../contract/log-errors.js';
import type { KeptConnection } from '../session/kept-connection.js';
import type { AppendSession } from './append-session.js';

const OPEN_MS = 5_000;

/** `check`: that it is the database that is meant. */
export async function connectFirst(
  connection: Pick<KeptConnection<AppendSession>, 'state' | 'start' | 'ready'>,
  databaseUrl: string,
  check: () => Promise<void>,
): Promise<void> {
  try {
    if (connection.state === 'idle') await connection.start();
    else if ((await connection.ready(OPEN_MS)) === null) throw new Error('it was lost again');
    await check();
  } catch (error) {
    if (error instanceof LogConfigurationError) throw error;
    const place = describeDatabase(databaseUrl);
    throw new Error(`the log cannot be reached at ${place}: ${messageOf(error)}`, { cause: error });
  }
}
