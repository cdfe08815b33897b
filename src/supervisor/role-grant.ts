/** Writes for which tenant a role of the database publishes by conduit.publish. */

import { EXIT_CONFIG, EXIT_LATER } from '../config/config.js';
import { messageOf } from '../log/contract/log-errors.js';
import { checkDatabase } from '../log/postgres/session/database-check.js';
import { openConnection } from '../log/postgres/session/log-connection.js';
import type { Queryable } from '../log/postgres/session/queryable.js';
import { isTransient } from '../log/postgres/session/transient.js';
import { findTenant, type KnownTenant, keepTenant } from '../log/postgres/store/placed-rows.js';
import { type RoleTenant, writeRoleTenant } from '../log/postgres/store/role-tenants.js';
import { StartRefused } from './start-refused.js';

/** In each of the databases. Rejects StartRefused with one line, without a secret. */
export async function grantRole(databaseUrls: readonly string[], grant: RoleTenant): Promise<void> {
  const { tenant } = grant;
  let known: KnownTenant | null = null;
  for (const [place, url] of databaseUrls.entries()) {
    await granted(url, async (client) => {
      // Others than the first know a tenant once it has a topic there, or here.
      if (place > 0 && known !== null) await keepTenant(client, known);
      await writeRoleTenant(client, grant);
      if (place === 0 && tenant !== null) known = await findTenant(client, tenant);
    });
  }
}

async function granted(
  databaseUrl: string,
  work: (client: Queryable) => Promise<void>,
): Promise<void> {
  const check = await checkDatabase(databaseUrl);
  if (check.state !== 'reached') {
    throw new StartRefused(check.trouble, check.state === 'refused' ? EXIT_CONFIG : EXIT_LATER);
  }
  const options = { databaseUrl: check.databaseUrl, applicationName: 'conduit/grant-role' };
  try {
    const client = await openConnection(options);
    try {
      await work(client);
    } finally {
      await client.end();
    }
  } catch (error) {
    const line = `DATABASE_URL: the role cannot be granted a tenant: ${messageOf(error)}`;
    throw new StartRefused(line, isTransient(error) ? EXIT_LATER : EXIT_CONFIG);
  }
}
