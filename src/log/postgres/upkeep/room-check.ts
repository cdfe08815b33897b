/**
 * Whether the disk of the database has room again: a message is written and taken back. A new page of the
 * log is what a full disk refuses, so the message is large, and of bytes that do not compress.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { faultOf } from '../../contract/log-errors.js';
import { borrowed, type SessionPool } from '../session/lent-session.js';

const PROBE_BYTES = 64 * 1024;

const WRITE_SQL = `INSERT INTO conduit.messages
    (topic_id, sequence, message_id, published_at, content_type, payload)
  VALUES (0, $1, gen_random_uuid(), clock_timestamp(), 0, $2)`;

/** Rejects when it cannot be asked. */
export function hasRoom(pool: SessionPool): Promise<boolean> {
  return borrowed(pool, async (session, spoil) => {
    try {
      await session.query('BEGIN');
      await session.query(WRITE_SQL, [randomInt(2 ** 47), randomBytes(PROBE_BYTES)]);
      await session.query('ROLLBACK');
      return true;
    } catch (error) {
      spoil(new Error('it did not roll back'));
      if (faultOf(error) === 'full') return false;
      throw error;
    }
  });
}
