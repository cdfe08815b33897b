/** Rows of conduit.role_tenants. No node reads them: conduit.publish does. */
import type { Queryable } from '../session/queryable.js';

export interface RoleTenant {
  /** Of PostgreSQL. */
  role: string;
  /** Null: its row goes. */
  tenant: string | null;
  /** Whether it may name another in a call. */
  namesTenants: boolean;
}

/** foreign_key_violation */
const NO_TENANT = '23503';

const GRANT_SQL = `INSERT INTO conduit.role_tenants (role, tenant, names_tenants)
  SELECT rolname, $2, $3 FROM pg_roles WHERE rolname = $1
  ON CONFLICT (role) DO UPDATE SET tenant = excluded.tenant, names_tenants = excluded.names_tenants`;

/** Rejects when there is no such role or tenant, and when the session may not write it. */
export async function writeRoleTenant(db: Queryable, row: RoleTenant): Promise<void> {
  const { role, tenant, namesTenants } = row;
  if (tenant === null) {
    const gone = await db.query('DELETE FROM conduit.role_tenants WHERE role = $1', [role]);
    if (gone.rowCount === 0) throw new Error(`${role} has no tenant`);
    return;
  }
  try {
    const written = await db.query(GRANT_SQL, [role, tenant, namesTenants]);
    if (written.rowCount === 0) throw new Error(`there is no role ${role}`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    throw code === NO_TENANT ? new Error(`there is no tenant ${tenant}`) : error;
  }
}
