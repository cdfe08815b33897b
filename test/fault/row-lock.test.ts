// Goal: a topic row that somebody else holds stops that topic only (503 topic_busy), and a node that is
// frozen inside COPY stops its topic for at most 10 s.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Publisher } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { judgeLog } from '../support/log/log-checker.js';

const FREE = Array.from({ length: 20 }, (_, i) => `free.${i}`);

t.test('a row lock held for 10 s delays its topic only', async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const node = await startNode({ DATABASE_URL: postgres.url });
  t.teardown(() => node.kill9());
  const setup = await Subscriber.open(node.wsUrl, 'json');
  for (const topic of [...FREE, 'held']) await setup.subscribe(topic, { ack: 'none' });
  setup.keep = false;
  const holder = new pg.Client({ connectionString: postgres.url });
  await holder.connect();
  t.teardown(() => holder.end());
  await holder.query('BEGIN');
  await holder.query("SELECT 1 FROM conduit.topics WHERE name = 'held' FOR UPDATE");
  const publisher = new Publisher(node.url, 'free');
  const blocked = new Publisher(node.url, 'held');
  const until = Date.now() + 10_000;
  const others = publisher.load({ topics: FREE, connections: 16, until: () => Date.now() > until });
  const one = await blocked.publish('held');
  t.equal(one.outcome, 'refused');
  t.equal(one.status, 503);
  await others;
  t.equal(publisher.acked().length, publisher.history.length, 'no other topic was refused');
  t.comment(`${publisher.acked().length} publishes to the other topics in 10 s`);
  t.ok(publisher.acked().length > 1_000);
  await holder.query('ROLLBACK');
  await eventually(async () => (await blocked.publish('held')).outcome === 'ok');
  const verdict = await judgeLog(postgres.url, [...publisher.history, ...blocked.history]);
  t.same([...verdict.lost, ...verdict.broken, ...verdict.storedThoughRefused], []);
  publisher.close();
  blocked.close();
  setup.close();
});

t.test('a node frozen inside COPY stops its topic for at most 10 s', async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const env = { DATABASE_URL: postgres.url };
  const frozen = await startNode({ ...env, NODE_ID: 'frozen' });
  t.teardown(() => frozen.kill9());
  const other = await startNode({ ...env, NODE_ID: 'other' });
  t.teardown(() => other.kill9());
  const setup = await Subscriber.open(other.wsUrl, 'json');
  setup.keep = false;
  await setup.subscribe('copy', { ack: 'none' });
  const loader = new Publisher(frozen.url, 'frozen');
  let done = false;
  const load = loader.load({ topics: ['copy'], connections: 64, until: () => done });
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  t.teardown(() => admin.end());
  const heldByFrozen = async (): Promise<boolean> => {
    process.kill(frozen.pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { rows } = await admin.query(
      `SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'conduit/frozen/%'
       AND state IN ('active', 'idle in transaction') AND xact_start IS NOT NULL
       AND wait_event = 'ClientRead'`,
    );
    if (rows.length > 0) return true;
    process.kill(frozen.pid, 'SIGCONT');
    return false;
  };
  await eventually(() => loader.acked().length > 200);
  await eventually(heldByFrozen, 30_000);
  const writer = new Publisher(other.url, 'other');
  const from = performance.now();
  await eventually(async () => (await writer.publish('copy')).outcome === 'ok', 20_000);
  const stoppedMs = performance.now() - from;
  t.comment(`the topic was stopped for ${Math.round(stoppedMs)} ms`);
  t.ok(stoppedMs < 12_000, String(stoppedMs));
  process.kill(frozen.pid, 'SIGCONT');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  done = true;
  await load;
  const verdict = await judgeLog(postgres.url, [...loader.history, ...writer.history]);
  t.same([...verdict.lost, ...verdict.phantom, ...verdict.broken, ...verdict.twice], []);
  await eventually(() => setup.sequences.get('copy')?.length === verdict.rows);
  t.same(setup.disorder, []);
  loader.close();
  writer.close();
  setup.close();
});
