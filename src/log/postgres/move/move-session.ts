/**
 * A session of a move with one database, and the lock by which one at a time moves a topic. The lock is in
 * the database where the topic is, on the session that says there that it has moved: whoever has lost it
 * cannot say so.
 */
import { messageOf } from '../../contract/log-errors.js';
import type { BoundedClient } from '../session/bounded-client.js';
import { openConnection } from '../session/log-connection.js';

/** First key of the advisory lock; the second is of the topic. */
const MOVE_CLASS = 0x0b0f;
const STATEMENT_MS = 60_000;
/** Of a node that is frozen while it holds a topic: its transaction ends, and nothing has moved. */
const IDLE_MS = 15_000;

const SETTINGS = `SET statement_timeout = ${STATEMENT_MS};
  SET idle_in_transaction_session_timeout = ${IDLE_MS}`;

const LOCK_SQL = `SELECT pg_try_advisory_lock(${MOVE_CLASS}, ($1::bigint % 2147483647)::int) AS ours`;

export class MoveSession {
  readonly client: BoundedClient;
  #lost: Error | null = null;

  private constructor(client: BoundedClient) {
    this.client = client;
  }

  /** Not by the name of a worker's session: whoever waits for a topic ends those that hold it for long. */
  static async open(databaseUrl: string): Promise<MoveSession> {
    const lost: { session: MoveSession | null } = { session: null };
    const options = {
      databaseUrl,
      applicationName: 'conduit-move',
      answerMs: STATEMENT_MS + 2_000,
    };
    const client = await openConnection(options, (error) => {
      if (lost.session !== null) lost.session.#lost = error;
    });
    const session = new MoveSession(client);
    lost.session = session;
    try {
      await client.query(SETTINGS);
    } catch (error) {
      client.destroy();
      throw error;
    }
    return session;
  }

  /** False: somebody else moves this topic. */
  async lock(topicId: number): Promise<boolean> {
    const { rows } = await this.client.query<{ ours: boolean }>(LOCK_SQL, [topicId]);
    return rows[0]?.ours === true;
  }

  /** Throws once it was lost. */
  readonly check = (): void => {
    if (this.#lost !== null) throw new Error(`the connection ended: ${messageOf(this.#lost)}`);
  };

  /** Its lock, and a transaction that is open, end with it. */
  async close(): Promise<void> {
    if (this.#lost === null) await this.client.end().catch(() => undefined);
  }
}
