/**
 * What passes by itself when a session is opened: a server that is not there yet, that restarts, or
 * has no session free. All else (a password, a name, a right) only a person can put right.
 */
import pg from 'pg';
import { messageOf } from '../../contract/log-errors.js';

const SOCKET_CODES: readonly string[] = [
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EAGAIN', 'ENOBUFS'],
  ...['EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'EAI_AGAIN', 'EMFILE', 'ENFILE'],
  // The folder of the socket is there, the server has not made it yet.
  'ENOENT',
];
/** The driver's words for a connection that ended, or did not come about in time. */
const DRIVER_WORDS =
  /^(timeout e|Connection terminated|Query read timeout|the connection ended|Client (has encountered|was closed|network socket disconnected))|network socket disconnected|establishing an SSL connection/;
/**
 * Connection, resources, the operator's intervention, the system; a log-in that took too long, and a lock
 * that somebody else has.
 */
const STATES = /^(08(?!P01)|53|57P|58|57014|55P03|40)/;
/** Poolers have one code for nearly all that they say. */
const POOLER_WORDS = /cannot connect|login|shutting down|timeout|no more connections|too many/i;

export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // What the log says to its callers hides what it was told.
  if (error.cause !== undefined) return isTransient(error.cause);
  if (error instanceof pg.DatabaseError) {
    const code = error.code ?? '';
    return STATES.test(code) || (code === '08P01' && POOLER_WORDS.test(error.message));
  }
  const code = 'code' in error ? String(error.code) : '';
  return SOCKET_CODES.includes(code) || DRIVER_WORDS.test(messageOf(error));
}
