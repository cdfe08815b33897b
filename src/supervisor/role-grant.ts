/** Writes for which tenant a role of the database publishes by conduit.publish. */

import { EXIT_CONFIG, EXIT_LATER } from '../config/config.js';
import { messageOf } from '../log/contract/log-errors.js';
import { checkDatabase } from '../log/postgres/session/database-check.js';
import { openConnection } from '../log/postgres/session/log-connection.js';
import { isTransient } from '../log/postgres/session/transient.js';
import { type RoleTenant, writeRoleTenant } from '../log/postgres/store/role-tenants.js';
import { StartRefused } from './start-refused.js';

/** Rejects StartRefused with one line, without a secret. */
export async function grantRole(databaseUrl: string, grant: RoleTenant): Promise<void> {
  const check = await checkDatabase(databaseUrl);
  if (check.state !== 'reached') {
    throw new StartRefused(check.trouble, check.state === 'refused' ? EXIT_CONFIG : EXIT_LATER);
  }
  const options = { databaseUrl: check.databaseUrl, applicationName: 'conduit/grant-role' };
  try {
    const client = await openConnection(options);
    try {
      await writeRoleTenant(client, grant);
    } finally {
      await client.end();
    }
  } catch (error) {
    const line = `DATABASE_URL: the role cannot be granted a tenant: ${messageOf(error)}`;
    throw new StartRefused(line, isTransient(error) ? EXIT_LATER : EXIT_CONFIG);
  }
}
