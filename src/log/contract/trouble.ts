/** What failed and is tried again, in words for the operator: by its kind, its cause in one line. */
import { RequestError } from '../../core/errors.js';
import type { HeldSnapshot, LogState } from '../../core/log-figures.js';
import type { Trouble } from '../../observe/outages.js';
import type { Fault } from './log-errors.js';
import { faultOf, messageOf } from './log-errors.js';

const AWAY = 'PostgreSQL cannot be reached';
const FULL = 'the disk of PostgreSQL is full';
const READ_ONLY = 'PostgreSQL is read-only';
const INCOMPLETE = 'a table or function of the schema is missing';
const DENIED = "the node's role lacks a privilege";
const LOCKED = 'a table of the log is locked';
export const SNAPSHOT_HELD = 'an old snapshot is held in the database';
/** Over when the log is open and has been asked. */
export const LOG_TROUBLES: readonly string[] = [AWAY, FULL, READ_ONLY, LOCKED, INCOMPLETE, DENIED];

/** Whatever meets it, it is the same trouble. */
const BY_FAULT: Partial<Record<Fault, string>> = {
  connection: AWAY,
  full: FULL,
  read_only: READ_ONLY,
  schema: INCOMPLETE,
  denied: DENIED,
};
const BY_STATE: Partial<Record<LogState, string>> = {
  lost: AWAY,
  full: FULL,
  read_only: READ_ONLY,
  locked: LOCKED,
  incomplete: INCOMPLETE,
  denied: DENIED,
};

/** `what` was being done. */
export function troubleOf(what: string, error: unknown): Trouble {
  const said = error instanceof RequestError ? (error.cause ?? error) : error;
  const fault = said instanceof RequestError ? faultOfRequest(said) : faultOf(said);
  const common = BY_FAULT[fault];
  // Numbers and tenants differ from one to the next.
  const kind = common ?? what.replace(/ \(tenant .*\)$/, '').replace(/\d+/g, 'n');
  return { kind, line: common ?? what, cause: causeOf(what, said), stack: stackOf(said) };
}

/** Null: a state that is as it should be. */
export function troubleOfState(state: LogState, detail: string): Trouble | null {
  const kind = BY_STATE[state];
  return kind === undefined ? null : { kind, line: kind, cause: detail, stack: null };
}

/** The same of one of several databases, by its place: 0 for the first, or the only one. */
export function kindIn(kind: string, place: number): string {
  return place === 0 ? kind : `${kind} (database ${place + 1})`;
}

export function troubleIn(trouble: Trouble, place: number): Trouble {
  const { kind, line } = trouble;
  return { ...trouble, kind: kindIn(kind, place), line: kindIn(line, place) };
}

/** For the operator: whose it is, for how long, what it is in the way of. */
export function troubleOfSnapshot(held: HeldSnapshot): Trouble {
  const { kind, pid, name, ageMs, deadRows, leaves } = held;
  const who = pid === null ? `${kind} ${name}` : `${kind} ${name} (pid ${pid})`;
  const days = leaves.length === 0 ? '' : `, and ${leaves.join(', ')} not be dropped`;
  const cause = `${who} for ${Math.round(ageMs / 1_000)} s: ${deadRows} dead rows cannot be removed${days}`;
  return { kind: SNAPSHOT_HELD, line: SNAPSHOT_HELD, cause, stack: null };
}

/** It comes from another thread, without its cause. */
function faultOfRequest({ code }: RequestError): Fault {
  if (code === 'log_unavailable') return 'connection';
  if (code === 'log_full') return 'full';
  return code === 'log_read_only' ? 'read_only' : 'other';
}

/** Of what nobody threw on purpose. */
function stackOf(error: unknown): string | null {
  const isBug = error instanceof TypeError || error instanceof RangeError;
  return isBug ? (error.stack ?? null) : null;
}

function causeOf(what: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return `${what}: ${messageOf(error)}${code}`;
}
