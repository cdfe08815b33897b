// Goal: the contract of webhooks, by PostgreSQL: each node is told of what another one changes.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { systemClock } from '../../src/core/clock.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { PostgresWebhooks } from '../../src/tenant/postgres-webhooks.js';
import { WEBHOOK_LIMITS, webhookStoreContract } from './webhook-store.js';

const postgres = await startPostgres();
await migrate(postgres.url);
const admin = new pg.Client({ connectionString: postgres.url });
await admin.connect();
await admin.query(`INSERT INTO conduit.tenants (name) VALUES ('other') ON CONFLICT DO NOTHING`);
t.teardown(async () => {
  await admin.end();
  await postgres.stop();
});

function open(onChanged: () => void): PostgresWebhooks {
  return new PostgresWebhooks({
    ...{ databaseUrl: postgres.url, applicationName: 'conduit/test/webhooks', clock: systemClock },
    ...{ limits: WEBHOOK_LIMITS, onChanged },
    onDeaf: (detail) => t.comment(detail),
  });
}

webhookStoreContract(t, async (t) => {
  await admin.query('DELETE FROM conduit.webhooks');
  let changes = 0;
  const store = open(() => undefined);
  // Of another node.
  const listener = open(() => changes++);
  t.teardown(() => Promise.all([store.close(), listener.close()]));
  await eventually(() => changes > 0);
  return {
    ...{ store, changes: () => changes },
    changed: (since) => eventually(() => changes > since),
  };
});

t.test('a tenant that is deleted takes its webhooks along', async (t) => {
  const store = open(() => undefined);
  t.teardown(() => store.close());
  const { rows } = await admin.query(`SELECT count(*)::int AS n FROM conduit.webhooks`);
  t.ok(Number(rows[0].n) > 0);
  await admin.query(`DELETE FROM conduit.tenants WHERE name = 'other'`);
  t.same(await store.all(), []);
});
