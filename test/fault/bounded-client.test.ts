// Goal: a client that was idle, and was asked whether its server is there, gives the next query the time that
// any other has.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { BoundedClient } from '../../src/log/postgres/session/bounded-client.js';

const PROBED_SQL = `SELECT 1 FROM pg_stat_activity
  WHERE application_name = 'bounded' AND query = 'SELECT 1' AND state = 'idle'`;
/** Longer than a probe may be unanswered, and than the looks on either side of that. */
const SLEEP_S = 9;

const server = await startPostgres();
t.teardown(() => server.stop());

t.test('a query right after the answer to a probe', async (t) => {
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  const client = new BoundedClient({ connectionString: server.url, application_name: 'bounded' });
  client.on('error', () => undefined);
  await client.connect();
  t.teardown(() => Promise.all([client.end(), admin.end()]));
  await eventually(async () => (await admin.query(PROBED_SQL)).rowCount === 1);
  const answer = client.query(`SELECT 'there' AS who FROM pg_sleep(${SLEEP_S})`);
  t.match(await answer.catch((error: unknown) => error), { rows: [{ who: 'there' }] });
});
