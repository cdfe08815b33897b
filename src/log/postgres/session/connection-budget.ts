/**
 * How many connections to PostgreSQL a node may have open at once, and whether the server, the database and
 * the role let it.
 */
import type { Config } from '../../../config/config.js';
import { faultOf } from '../../contract/log-errors.js';
import { LOG_REFUSALS } from '../../contract/log-refusal.js';
import { openConnection } from './log-connection.js';

/** Of one topic worker, by purpose. */
export const WORKER_CONNECTIONS = {
  append: 1,
  /** Opened when topics are found locked. */
  wait: 2,
  /** Everything else that is asked. */
  query: 2,
  release: 1,
  listen: 1,
  /** For a moment each minute. */
  upkeep: 1,
} as const;
/** Of one thread that reads the log. */
export const READER_CONNECTIONS = 2;
/** One catches up, one browses. */
const READERS = 2;
/** Of the main thread: the node's lease. */
const PRESENCE_CONNECTIONS = 1;
/**
 * Of the main thread, where keys are asked for. Who manages keys may wait for a lock, and does so alone; so
 * may who leases quotas, which is connected while a tenant has some.
 */
export const KEY_CONNECTIONS = { find: 1, manage: 1, listen: 1, lease: 1, audit: 1 } as const;

/** Of the main thread: webhooks, read and changed, and told of by all nodes. */
export const WEBHOOK_CONNECTIONS = { ask: 1, listen: 1 } as const;

/** What of a configuration decides it. */
export type NodeConnections = Pick<Config, 'workers' | 'enableAuth'>;

/** The most that a node opens. */
export function connectionsMax({ workers, enableAuth }: NodeConnections): number {
  const forKeys = enableAuth ? sumOf(KEY_CONNECTIONS) : 0;
  const ofThreads = workers * sumOf(WORKER_CONNECTIONS) + READERS * READER_CONNECTIONS;
  return ofThreads + PRESENCE_CONNECTIONS + sumOf(WEBHOOK_CONNECTIONS) + forKeys;
}

function sumOf(connections: Readonly<Record<string, number>>): number {
  return Object.values(connections).reduce((sum, n) => sum + n, 0);
}

/** With fewer nothing is published: one of each kind that a worker keeps open, and the node's lease. */
export function connectionsMin(workers: number): number {
  return workers * 4 + PRESENCE_CONNECTIONS;
}

/** For `conduit config`. */
export function connectionsLine(node: NodeConnections): string {
  const { workers } = node;
  return (
    `PostgreSQL connections of this node: up to ${connectionsMax(node)} with WORKERS=${workers}, ` +
    `at least ${connectionsMin(workers)}`
  );
}

interface Allowance {
  server: number;
  /** Other sessions that there are now. */
  others: number;
  /** -1: no limit. */
  database: number;
  role: number;
  role_name: string;
  is_super: boolean;
}

/** Of another user's session only pg_read_all_stats sees the backend_type; everybody sees its database. */
const ALLOWANCE_SQL = `SELECT current_setting('max_connections')::int
      - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true), '0')::int AS server,
    (SELECT count(*)::int FROM pg_stat_activity
     WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
       AND pid <> pg_backend_pid()) AS others,
    d.datconnlimit AS database, r.rolconnlimit AS role, r.rolname AS role_name,
    r.rolsuper AS is_super
  FROM pg_database d, pg_roles r
  WHERE d.datname = current_database() AND r.rolname = session_user`;

/**
 * Null when there is room for a node so configured; else one line for the operator, also when it
 * cannot be asked. That line holds no host, user or password, as drivers' texts may.
 */
export async function connectionTrouble(
  databaseUrl: string,
  node: NodeConnections,
): Promise<string | null> {
  try {
    return await allowanceTrouble(databaseUrl, node);
  } catch (error) {
    return (
      'DATABASE_URL: whether the server allows this node up to ' +
      `${connectionsMax(node)} connections was not found out: ${kindOf(error)}`
    );
  }
}

/** What PostgreSQL's states and the system's codes say for themselves. */
function kindOf(error: unknown): string {
  const fault = faultOf(error);
  const kind = fault === 'bug' ? 'an error of this node' : LOG_REFUSALS[fault].detail;
  const hasCode = error instanceof Error && 'code' in error && error.code !== undefined;
  return hasCode ? `${kind} (${String(error.code)})` : kind;
}

async function allowanceTrouble(
  databaseUrl: string,
  node: NodeConnections,
): Promise<string | null> {
  const options = { databaseUrl, applicationName: 'conduit/connections' };
  const client = await openConnection(options);
  try {
    const { rows } = await client.query<Allowance>(ALLOWANCE_SQL);
    return rows[0] === undefined ? null : troubleOf(rows[0], node);
  } finally {
    await client.end();
  }
}

function troubleOf(allowance: Allowance, node: NodeConnections): string | null {
  const { workers } = node;
  const { server, others, database, role, role_name, is_super } = allowance;
  const bounds: [number, string][] = [
    [server - others, `max_connections leaves ${server - others} beside those in use`],
  ];
  // They do not count for a superuser.
  if (!is_super && role >= 0) bounds.push([role, `role ${role_name} may have ${role}`]);
  if (!is_super && database >= 0) bounds.push([database, `the database may have ${database}`]);
  const [tightest] = bounds.sort(([a], [b]) => a - b);
  const max = connectionsMax(node);
  if (tightest === undefined || tightest[0] >= max) return null;
  const min = connectionsMin(workers);
  const consequence = tightest[0] < min ? 'publishes will be refused' : 'some may be refused';
  return (
    `DATABASE_URL: this node opens up to ${max} connections and needs ${min}, and ${tightest[1]}: ` +
    `${consequence}; allow more, or lower WORKERS=${workers}`
  );
}
