// Goal: a login in PostgreSQL is of the tenant, and good for what the key is good for, that it came of.
import pg from 'pg';
import t from 'tap';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { makeApiKey } from '../../src/core/api-key.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { FIND_LOGINS_SQL } from '../../src/tenant/login-rows.js';
import { addOther, OTHER, TENANT } from '../support/tenants/tenants.js';

const server = await startPostgres();
await migrate(server.url);
await addOther(server.url);
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  await server.stop();
});

t.test('tenants: a login is of the tenant of its key, and of no other', async (t) => {
  const logins = new Map<string, string>();
  for (const tenant of [TENANT, OTHER.tenant]) {
    const [key, login] = [makeApiKey().id, makeApiKey().id];
    await admin.query(
      `INSERT INTO conduit.api_keys (id, tenant_id, digest, scopes)
       SELECT $1, id, sha256('1'), '{publish}' FROM conduit.tenants WHERE name = $2`,
      [key, tenant],
    );
    await admin.query(
      `INSERT INTO conduit.logins (id, digest, key_id, root, expires_at)
       VALUES ($1, sha256('2'), $2, $1, now() + interval '1 hour')`,
      [login, key],
    );
    logins.set(login, tenant);
  }
  const found = await admin.query<{ id: string; tenant: string }>(FIND_LOGINS_SQL, [
    [...logins.keys()],
  ]);
  t.same(found.rows.map(({ id, tenant }) => [id, tenant]).sort(), [...logins].sort());
});
