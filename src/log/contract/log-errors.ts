/**
 * What an error of PostgreSQL means to the log, by SQLSTATE. Only class 22 is a message's fault; all
 * else is the log's.
 */
import pg from 'pg';

export type Fault =
  | 'message'
  | 'locked'
  | 'partition'
  | 'read_only'
  | 'full'
  /** A table or function that a migration made is not there. */
  | 'schema'
  /** The role may not do it. */
  | 'denied'
  | 'transient'
  | 'connection'
  | 'other'
  /** Not of the database: ours. */
  | 'bug';

const BY_STATE: Readonly<Record<string, Fault>> = {
  '55P03': 'locked',
  '23514': 'partition',
  '25006': 'read_only',
  '53100': 'full',
  '3F000': 'schema',
  '42P01': 'schema',
  '42703': 'schema',
  '42883': 'schema',
  '42501': 'denied',
  '40001': 'transient',
  '40P01': 'transient',
  '57014': 'transient',
  '57P01': 'connection',
  '57P02': 'connection',
  '57P03': 'connection',
  '57P05': 'connection',
  '25P03': 'connection',
};

/** The driver's words for a connection that is gone, or did not come about. */
const GONE =
  /^(Connection terminated|Client (has encountered|was closed)|timeout e|Query read timeout|Received unexpected|the connection ended|the server does not answer|Cannot use a pool)/;

export function faultOf(error: unknown): Fault {
  if (!(error instanceof pg.DatabaseError)) return isConnectionGone(error) ? 'connection' : 'bug';
  if (error.severity === 'FATAL' || error.severity === 'PANIC') return 'connection';
  const code = error.code ?? '';
  if (code.startsWith('22')) return 'message';
  if (code.startsWith('08')) return 'connection';
  if (code.startsWith('53')) return BY_STATE[code] ?? 'transient';
  return BY_STATE[code] ?? 'other';
}

/** One line, for the operator: a client is told what log-refusal.ts says. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const line = error.message.split('\n', 1)[0] ?? '';
  // A host name with several addresses: an AggregateError without a message.
  if (line === '' && 'code' in error) return `cannot connect: ${String(error.code)}`;
  return line;
}

/** Errors of the driver have no code; the socket's have one like EPIPE. */
function isConnectionGone(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (GONE.test(error.message)) return true;
  return 'code' in error && /^E[A-Z_]+$/.test(String(error.code));
}
