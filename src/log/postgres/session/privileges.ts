/**
 * What a node's role must be allowed (docs/operations.md, "Roles"), asked at start: a right that is
 * missing would else be found by a publisher.
 */
import { LogConfigurationError } from '../../contract/log-configuration-error.js';
import type { Queryable } from './queryable.js';

/**
 * Days of the log are reached through conduit.messages; identities need no right on their sequence. Whose a
 * role is, nodes do not ask.
 */
const MISSING_SQL = `SELECT r.privilege || ' on ' || c.relname AS missing
  FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS r (privilege)
  WHERE c.relnamespace = 'conduit'::regnamespace AND c.relkind IN ('r', 'p')
    AND c.relname !~ '^messages_[0-9]{8}$' AND c.relname <> 'role_tenants'
    AND (r.privilege = 'SELECT' OR c.relname <> 'migrations')
    AND NOT has_table_privilege(c.oid, r.privilege)
  UNION ALL
  SELECT 'USAGE on ' || c.relname FROM pg_class c
  WHERE c.relnamespace = 'conduit'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'i')
    AND CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(c.oid, 'USAGE') END
  UNION ALL
  SELECT 'EXECUTE on ' || p.proname FROM pg_proc p
  WHERE p.pronamespace = 'conduit'::regnamespace AND p.proname = ANY (ARRAY['make_leaf',
      'lock_head', 'lock_heads', 'read_head', 'topic_heads', 'settle_heads', 'bytes_before',
      'incarnation', 'begin_incarnation', 'head_before', 'defer', 'first_stored', 'fingerprint'])
    AND NOT has_function_privilege(p.oid, 'EXECUTE')
  ORDER BY 1`;

/** Rejects LogConfigurationError that names the first right that is missing. */
export async function assertPrivileges(db: Queryable): Promise<void> {
  const { rows } = await db.query<{ missing: string }>(MISSING_SQL);
  const [first] = rows;
  if (first === undefined) return;
  const more = rows.length === 1 ? '' : ` and ${rows.length - 1} rights more`;
  throw new LogConfigurationError(
    `DATABASE_URL: the role lacks ${first.missing}${more} in the schema conduit: ` +
      'grant it what docs/operations.md lists under Roles',
  );
}

/** Whether the role may detach and drop days of the log: it is their owner, or a member of it. */
export async function mayDropLeaves(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ may: boolean }>(
    `SELECT pg_has_role(relowner, 'USAGE') AS may FROM pg_class
     WHERE oid = 'conduit.messages'::regclass`,
  );
  return rows[0]?.may === true;
}
