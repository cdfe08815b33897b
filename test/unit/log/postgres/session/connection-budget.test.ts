// Goal: an operator is told when the server has too few connections left for a node, whoever has the others.
import pg from 'pg';
import t from 'tap';
import { connectionTrouble } from '../../../../../src/log/postgres/session/connection-budget.js';
import { startPostgres } from '../../../../support/postgres.js';

/** Less three for superusers leaves 27. */
const server = await startPostgres({ max_connections: '30', autovacuum: 'off' });
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
const others = Array.from({ length: 19 }, () => new pg.Client({ connectionString: server.url }));
t.teardown(async () => {
  await Promise.all([admin, ...others].map((client) => client.end()));
  await server.stop();
});

t.test('sessions of users that the role may not look into count', async (t) => {
  await admin.query('CREATE ROLE guest LOGIN');
  const guest = server.url.replace('postgres@', 'guest@');
  t.equal(await connectionTrouble(guest, 1), null);
  await Promise.all(others.map((client) => client.connect()));
  const trouble = /up to 12 connections and needs 4, and max_connections leaves 7 beside/;
  t.match(await connectionTrouble(guest, 1), trouble);
  await admin.query('GRANT pg_read_all_stats TO guest');
  t.match(await connectionTrouble(guest, 1), trouble);
});
