// Goal: a log that has not come as far as it was seen to have becomes another incarnation, once, and nothing
// else does; who may not say so gets no session, and is told what its owner is to do.
import pg from 'pg';
import t from 'tap';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import {
  leaveCopy,
  readSeen,
  type SeenWal,
} from '../../../../../src/log/postgres/session/copied-files.js';
import { beginIncarnation } from '../../../../../src/log/postgres/session/incarnation.js';
import { migrate } from '../../../../../src/log/postgres/upkeep/migrations.js';

const FURTHER = 1_000_000_000;
const server = await startPostgres();
await migrate(server.url);
const clients = [1, 2, 3].map(() => new pg.Client({ connectionString: server.url }));
const [client] = clients;
if (client === undefined) throw new Error('there are three');
for (const one of clients) await one.connect();
t.teardown(async () => {
  for (const one of clients) await one.end();
  await server.stop();
});
await beginIncarnation(client, null);

async function names(): Promise<string[]> {
  const sql = 'SELECT name FROM conduit.incarnations ORDER BY number';
  return (await client?.query<{ name: string }>(sql))?.rows.map(({ name }) => name) ?? [];
}

t.test('what was seen no further, or of another log, is the one it was', async (t) => {
  const seen = await readSeen(client);
  t.ok(seen.bytes > 0);
  const before = await names();
  const cases: SeenWal[] = [
    seen,
    { ...seen, bytes: seen.bytes - 1 },
    { ...seen, bytes: 0 },
    { incarnation: 'another', bytes: seen.bytes + FURTHER },
  ];
  for (const one of cases) await leaveCopy(client, one);
  t.same(await names(), before);
});

t.test('of several that notice a copy one says so', async (t) => {
  const seen = await readSeen(client);
  const before = await names();
  const further = { ...seen, bytes: seen.bytes + FURTHER };
  await Promise.all(clients.map((one) => leaveCopy(one, further)));
  const after = await names();
  t.equal(after.length, before.length + 1);
  t.equal((await readSeen(client)).incarnation, after.at(-1));
  t.not(after.at(-1), seen.incarnation);
});

t.test('who may not say so is told who may, and holds nothing', async (t) => {
  const seen = await readSeen(client);
  await client.query(`CREATE ROLE reads; GRANT USAGE ON SCHEMA conduit TO reads;
    GRANT SELECT ON ALL TABLES IN SCHEMA conduit TO reads; SET ROLE reads`);
  const further = { ...seen, bytes: seen.bytes + FURTHER };
  await t.rejects(leaveCopy(client, further), { message: /let its owner run SELECT conduit.bump/ });
  await client.query('RESET ROLE');
  const { rows } = await client.query('SELECT pg_current_xact_id_if_assigned() AS open');
  t.same(rows, [{ open: null }]);
  t.equal((await readSeen(client)).incarnation, seen.incarnation);
});
