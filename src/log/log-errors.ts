/**
 * What an error of PostgreSQL means to the log. Only SQLSTATE class 22 is a message's fault; all else
 * is the log's, and the message may be sent again.
 */
import pg from 'pg';
import { RequestError } from '../core/errors.js';

/**
 * message: the data of a message. connection: there is none any more. retry: the same again may work.
 * busy: a lock was not obtained in time. partition: a leaf is missing. log: anything else.
 */
export type FaultKind =
  | 'message'
  | 'connection'
  | 'retry'
  | 'busy'
  | 'partition'
  | 'read_only'
  | 'log';

const KIND_BY_STATE: Readonly<Record<string, FaultKind>> = {
  '23514': 'partition',
  '25006': 'read_only',
  '40001': 'retry',
  '40P01': 'retry',
  '55P03': 'busy',
  '57014': 'retry',
  '57P01': 'connection',
  '57P02': 'connection',
  '57P03': 'connection',
};

/** Errors of pg itself have no code: its words for a connection that is gone. */
const CONNECTION_GONE =
  /^(Connection terminated|timeout e|Query read timeout|Client (has encountered|was closed)|Cannot use a pool|The server does not support)/;

/** Rejections of what the log has to wait for: no database, or not in time. */
export class LogLostError extends Error {
  constructor(detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'LogLostError';
  }
}

/** '' when the error did not come from the server. */
export function sqlStateOf(error: unknown): string {
  return error instanceof pg.DatabaseError ? (error.code ?? '') : '';
}

/** Null: not an error of the database or the way to it, so a bug. */
export function faultKind(error: unknown): FaultKind | null {
  if (error instanceof pg.DatabaseError) {
    if (error.severity === 'FATAL' || error.severity === 'PANIC') return 'connection';
    const state = error.code ?? '';
    if (state.startsWith('22')) return 'message';
    if (state.startsWith('08')) return 'connection';
    return KIND_BY_STATE[state] ?? 'log';
  }
  if (!(error instanceof Error)) return null;
  if (error instanceof LogLostError || CONNECTION_GONE.test(error.message)) return 'connection';
  return 'syscall' in error || 'errno' in error ? 'connection' : null;
}

/** One line for logs and for the detail of an answer; never has data of a message. */
export function faultDetail(error: unknown): string {
  const state = sqlStateOf(error);
  if (state !== '') return `PostgreSQL answered ${state}`;
  const text = error instanceof Error ? error.message : String(error);
  const line = text.split('\n', 1)[0] ?? '';
  return line === '' && error instanceof Error && 'code' in error ? String(error.code) : line;
}

/** What a caller of the stores is told; what is no error of the database comes back as it is. */
export function requestErrorOf(error: unknown): unknown {
  if (error instanceof RequestError) return error;
  const kind = faultKind(error);
  if (kind === null) return error;
  const options = { cause: error };
  if (kind === 'message') {
    return new RequestError('message_refused', faultDetail(error), undefined, options);
  }
  const code = kind === 'read_only' ? 'log_read_only' : 'log_unavailable';
  return new RequestError(code, faultDetail(error), undefined, options);
}
