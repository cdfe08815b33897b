// Goal: the log in PostgreSQL keeps the contract of the message log.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { systemClock } from '../../src/core/clock.js';
import { DatabaseClock } from '../../src/core/database-clock.js';
import { DEFAULT_LIMITS } from '../../src/core/limits.js';
import { messageOf } from '../../src/log/contract/log-errors.js';
import { PostgresLog } from '../../src/log/postgres/postgres-log.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { addOther, OTHER } from '../support/tenants/tenants.js';
import { type Factory, put, suite, text } from './message-log.js';
import { RecordingSink, TestAppend } from './recording-sink.js';

const server = await startPostgres();
await migrate(server.url);
await addOther(server.url);
// Before the suite's own teardowns are added: tap runs them last first.
t.teardown(() => server.stop());

let opened = 0;
const troubles: string[] = [];

const open: Factory = async (limits) => {
  const sink = new RecordingSink();
  const name = `test/${++opened}`;
  const log = new PostgresLog<TestAppend>({
    databaseUrl: server.url,
    applicationName: name,
    limits: { ...DEFAULT_LIMITS, ...limits },
    clock: new DatabaseClock(systemClock),
    sink,
    onTrouble: (what, error) => troubles.push(`${what}: ${messageOf(error)}`),
    notify: true,
    // Several logs of the suite are open at once: each releases what its own tests made.
    owns: () => true,
    isHere: () => true,
    keepsUp: () => true,
  });
  await log.open();
  return { log, sink };
};

suite(t, open);

t.test('tenants: what is said of a topic in the log of the node says whose it is', async (t) => {
  const one = await open();
  t.teardown(() => one.log.close());
  const { topic } = await one.log.createTopic(OTHER.keyOf('said.of'), null);
  await put(one, new TestAppend(topic.id, { payload: text('1'), dedupeKey: 'k' }));
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  t.teardown(() => client.end());
  // As a transaction of an application leaves it that was not over when the append looked at its key.
  await client.query(
    `INSERT INTO conduit.outbox (tenant_id, topic_id, payload, dedupe_key, due_at)
     SELECT tenant_id, id, '1', 'k', clock_timestamp() FROM conduit.topics WHERE id = $1`,
    [topic.id],
  );
  const line = `the outbox dropped 1 rows of topic ${topic.id}: duplicate, of tenant other`;
  await eventually(() => troubles.includes(line));
  t.pass(line);
});
