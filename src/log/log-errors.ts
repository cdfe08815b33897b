/**
 * What an error of PostgreSQL means to the log, by SQLSTATE. Only class 22 is a message's fault; all
 * else is the log's.
 */

export type Fault =
  | 'message'
  | 'locked'
  | 'partition'
  | 'read_only'
  | 'full'
  | 'transient'
  | 'connection'
  | 'other';

const BY_STATE: Readonly<Record<string, Fault>> = {
  '55P03': 'locked',
  '23514': 'partition',
  '25006': 'read_only',
  '53100': 'full',
  '40001': 'transient',
  '40P01': 'transient',
  '57014': 'transient',
  '57P01': 'connection',
  '57P02': 'connection',
  '57P03': 'connection',
  '57P05': 'connection',
  '25P03': 'connection',
};

export function faultOf(error: unknown): Fault {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  // No SQLSTATE: the driver's own error, or the socket's: ECONNRESET, a terminated connection.
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return 'connection';
  if (code.startsWith('22')) return 'message';
  if (code.startsWith('08')) return 'connection';
  if (code.startsWith('53')) return BY_STATE[code] ?? 'transient';
  return BY_STATE[code] ?? 'other';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
