// Goal: an operator is told when the server has too few connections left for a node, whoever has the others.
import pg from 'pg';
import t from 'tap';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import { connectionTrouble } from '../../../../../src/log/postgres/session/connection-budget.js';

const ONE = { workers: 1, enableAuth: false };
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
  t.equal(await connectionTrouble(guest, ONE), null);
  await Promise.all(others.map((client) => client.connect()));
  const trouble = /up to 15 connections and needs 5, and max_connections leaves 7 beside/;
  t.match(await connectionTrouble(guest, ONE), trouble);
  await admin.query('GRANT pg_read_all_stats TO guest');
  t.match(await connectionTrouble(guest, ONE), trouble);
});

t.test('what keeps it from being found out is said, without host, user or password', async (t) => {
  const closed = server.url.replace(/:\/\/[^/]*/, '://someone:secret@127.0.0.1:1');
  const nobody = server.url.replace(/:\/\/[^@]*@/, '://nobody:secret@');
  const line = (kind: string): string =>
    'DATABASE_URL: whether the server allows this node up to 15 connections was not found out: ' +
    `the log cannot be reached (${kind})`;
  t.equal(await connectionTrouble(closed, ONE), line('ECONNREFUSED'));
  t.equal(await connectionTrouble(nobody, ONE), line('28000'));
});
