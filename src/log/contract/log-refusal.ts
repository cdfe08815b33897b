/**
 * What a caller is told of a fault of the log: a code and a text that is fixed for each kind of fault.
 * What PostgreSQL or the driver said holds SQL, hosts and paths: it goes to the operator's log, as the
 * cause, and never into an answer.
 */
import { type ErrorCode, RequestError } from '../../core/errors.js';
import type { Fault } from './log-errors.js';

export interface LogRefusal {
  readonly code: ErrorCode;
  /** For people outside: no SQL, host, port, path or stack. */
  readonly detail: string;
}

export const LOG_UNREACHABLE: LogRefusal = {
  code: 'log_unavailable',
  detail: 'the log cannot be reached',
};
export const LOG_READ_ONLY: LogRefusal = {
  code: 'log_read_only',
  detail: 'the database is read-only',
};
/** By VACUUM FULL, REINDEX, CREATE INDEX, ALTER TABLE, LOCK TABLE and the like. */
export const LOG_LOCKED: LogRefusal = {
  code: 'log_unavailable',
  detail:
    'another session of the database has locked a table of the log: nothing was stored, try again',
};
/** What was on its way stood on the log that was there before. */
export const LOG_REPLACED: LogRefusal = {
  code: 'log_unavailable',
  detail: 'the log was restored or has failed over: nothing was stored, try again',
};

/** All but our own bugs, which are told to nobody outside. */
export const LOG_REFUSALS: Readonly<Record<Exclude<Fault, 'bug'>, LogRefusal>> = {
  message: {
    code: 'message_refused',
    detail: 'the database cannot store a text or a number in this message',
  },
  locked: LOG_LOCKED,
  partition: { code: 'log_unavailable', detail: 'a partition of the log is missing' },
  read_only: LOG_READ_ONLY,
  full: { code: 'log_full', detail: 'the disk of the database is full' },
  schema: { code: 'log_unavailable', detail: 'a table or function of the schema is missing' },
  denied: { code: 'log_unavailable', detail: "the node's database role lacks a privilege" },
  transient: { code: 'log_unavailable', detail: 'the database could not do it this time' },
  connection: LOG_UNREACHABLE,
  other: { code: 'log_unavailable', detail: 'the database refused it' },
};

/** The same as an error; `cause`: what was said, for the log. */
export function refusalError({ code, detail }: LogRefusal, cause: unknown): RequestError {
  return new RequestError(code, detail, { cause });
}
