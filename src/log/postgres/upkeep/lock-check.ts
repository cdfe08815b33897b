/** Whether the locks that an append takes on tables are free again: they are asked for, for a moment. */
import { randomInt } from 'node:crypto';
import { faultOf } from '../../contract/log-errors.js';
import type { SessionPool } from '../session/lent-session.js';
import { inTransaction } from '../session/transaction.js';

const ASK_MS = 50;

/** Also those of the leaf of today and of its indexes: the row is taken back. */
const WRITE_SQL = `INSERT INTO conduit.messages
    (topic_id, sequence, message_id, published_at, content_type, payload)
  VALUES (0, $1, gen_random_uuid(), clock_timestamp(), 0, '')`;

/** Rejects when it cannot be asked. */
export async function isFree(pool: SessionPool): Promise<boolean> {
  try {
    await inTransaction(pool, async (session) => {
      await session.query(`SET LOCAL lock_timeout = ${ASK_MS}`);
      await session.query(
        'LOCK TABLE conduit.topics, conduit.publish_dedupe IN ROW EXCLUSIVE MODE',
      );
      await session.query(WRITE_SQL, [randomInt(2 ** 47)]);
      throw new Free();
    });
  } catch (error) {
    if (error instanceof Free) return true;
    if (faultOf(error) === 'locked') return false;
    throw error;
  }
  return true;
}

/** Takes back what was written. */
class Free extends Error {}
