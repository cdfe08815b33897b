/**
 * The settings of every session: whatever a statement of ours relies on is set, since a database or a role
 * may have another default (ALTER DATABASE .. SET, ALTER ROLE .. SET). Not set, on purpose:
 * default_transaction_read_only (somebody who sets it wants no writes; it is told as read-only), tablespaces
 * and whatever only the planner reads.
 */
export const STATEMENT_TIMEOUT_MS = 10_000;
export const LOCK_TIMEOUT_MS = 3_000;
const IDLE_IN_TRANSACTION_MS = 5_000;

const SETTINGS: Readonly<Record<string, string>> = {
  // PostgreSQL's defaults are no limit: a frozen node would hold its locks for ever.
  statement_timeout: String(STATEMENT_TIMEOUT_MS),
  lock_timeout: String(LOCK_TIMEOUT_MS),
  idle_in_transaction_session_timeout: String(IDLE_IN_TRANSACTION_MS),
  // A session that listens is idle for days.
  idle_session_timeout: '0',
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '10000',
  // An append that waited for a row sees what its holder committed.
  default_transaction_isolation: "'read committed'",
  default_transaction_deferrable: 'off',
  // What texts of ours mean, and what texts of the server's mean to us.
  client_encoding: "'UTF8'",
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  datestyle: "'ISO, MDY'",
  intervalstyle: "'postgres'",
  timezone: "'UTC'",
  bytea_output: "'hex'",
  extra_float_digits: '1',
  xmloption: "'content'",
  quote_all_identifiers: 'off',
  // Names without a schema are PostgreSQL's own.
  search_path: 'pg_catalog, pg_temp',
  row_security: 'on',
  check_function_bodies: 'on',
  default_table_access_method: "'heap'",
  client_min_messages: "'warning'",
  // A scan that is left where scans are switched off looks dear to the server, which compiles it: 0.5 s.
  jit: 'off',
};

/** Weaker than the others ask for it: a COMMIT that is answered is on disk. */
const DURABLE_SQL = `SELECT set_config('synchronous_commit', 'on', false)
  WHERE current_setting('synchronous_commit') = 'off'`;
/** From PostgreSQL 17 on; upkeep's transactions are bounded by their statements. */
const TRANSACTION_TIMEOUT_SQL = `SELECT set_config('transaction_timeout', '0', false)
  WHERE current_setting('transaction_timeout', true) IS NOT NULL`;

/** Several statements, for the simple protocol. */
export const SESSION_SETTINGS = [
  ...Object.entries(SETTINGS).map(([name, value]) => `SET ${name} = ${value}`),
  DURABLE_SQL,
  TRANSACTION_TIMEOUT_SQL,
].join('; ');
