// Goal: deferred messages of a topic that is placed on this worker by now are released at once, also what
// fell due long before, and while a look at everything is too dear to be taken often.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../../../../native-bench/rig/eventually.js';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import { systemClock } from '../../../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../../../src/core/limits.js';
import { readIncarnation } from '../../../../../src/log/postgres/session/incarnation.js';
import { TopicStore } from '../../../../../src/log/postgres/store/topic-store.js';
import { migrate } from '../../../../../src/log/postgres/upkeep/migrations.js';
import { OutboxRelease } from '../../../../../src/log/postgres/upkeep/outbox-release.js';
import { keyOf } from '../../../../support/tenants/tenants.js';

/** Looks at everything are then further apart than this test takes. */
const LOOK_MS = 1_000;

t.test('a topic that comes', async (t) => {
  const server = await startPostgres();
  await migrate(server.url);
  const client = new pg.Client({ connectionString: server.url });
  const admin = new pg.Pool({ connectionString: server.url, max: 1 });
  await client.connect();
  const topics = new TopicStore({ db: admin, limits: DEFAULT_LIMITS });
  await topics.create(keyOf('comes'), null);
  let looks = 0;
  const query = async <R extends pg.QueryResultRow>(text: string, values?: unknown[]) => {
    const result = await client.query<R>(text, values);
    if (/^WITH RECURSIVE d AS/.test(text))
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    if (/conduit\.outbox/.test(text)) looks++;
    return result;
  };
  const incarnation = await readIncarnation(admin);
  const released: number[] = [];
  let place: 'here' | 'elsewhere' = 'elsewhere';
  const release = new OutboxRelease({
    session: async () => ({ query: query as typeof client.query }),
    drop: (_session, error) => t.fail(String(error)),
    clock: systemClock,
    incarnation: () => incarnation,
    dedupeWindowMs: 1_000,
    owns: () => true,
    isHere: () => place === 'here',
    onReleased: ({ rows }) => released.push(rows.length),
    onOutcomeUnknown: () => undefined,
    onDropped: () => undefined,
    onTrouble: (error) => t.fail(String(error)),
  });
  release.start();
  await eventually(() => looks > 0);
  await admin.query("SELECT conduit.publish('comes', '1')");
  const old = "SELECT FROM conduit.outbox WHERE due_at < clock_timestamp() - interval '4 s'";
  await eventually(async () => (await admin.query(old)).rowCount === 1);
  t.same(released, [], 'another one does it');
  place = 'here';
  release.moved();
  await eventually(() => released.length > 0, 5_000);
  t.same(released, [1]);
  await release.stop();
  await Promise.all([client.end(), admin.end()]);
  await server.stop();
});
