// Goal: a log that is closed while it is opened, at whichever moment, leaves nothing behind that runs on:
// no timer, which would keep its thread alive, and no session of the database.
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { unopenedPostgresLog } from '../support/log/postgres-log.js';

/** Of opens: an open takes some 30 to 100 ms. */
const TRIES = 60;
const OPEN_TRIES = 3;

const server = await startPostgres();
await migrate(server.url);
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  await server.stop();
});

const timers = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

const sessions = async (): Promise<number> => {
  const { rows } = await admin.query(
    "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE 'conduit/early%'",
  );
  return rows[0].n;
};

const make = (n: number) =>
  unopenedPostgresLog(server.url, { name: `early-${n}`, limits: {}, news: 'listens' });

t.test('a log that is closed while it is opened leaves nothing that runs on', async (t) => {
  const before = timers();
  let openMs = 0;
  for (let n = 0; n < OPEN_TRIES; n++) {
    const { log } = make(n);
    const since = performance.now();
    await log.open();
    openMs = Math.max(openMs, performance.now() - since);
    await log.close();
  }
  await eventually(() => timers() <= before);
  let refused = 0;
  for (let n = 0; n < TRIES; n++) {
    const { log } = make(n);
    const opened = log.open().then(
      () => 'opened',
      () => 'refused',
    );
    await delay((n / TRIES) * openMs);
    await log.close();
    if ((await opened) === 'refused') refused++;
  }
  t.ok(refused > 0, 'some were closed before they were open');
  await eventually(() => timers() <= before);
  await eventually(async () => (await sessions()) === 0);
  t.pass('nothing runs on');
});
