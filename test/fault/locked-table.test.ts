// Goal: whoever locks a table of the log (VACUUM FULL, REINDEX, CREATE INDEX, LOCK TABLE) makes publishers
// wait for two seconds at most; then they are told so, and what to do. Nothing is lost, and all goes on; none
// of them is ended as one half of a deadlock.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { type Answer, Publisher, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { judgeLog } from '../support/log/log-checker.js';

/** README: 2 s. The rest is for neighbours on this machine. */
const TOLD_MS = 4_000;
const TOPICS = ['locked.a', 'locked.b', 'locked.c'];

const server = await startPostgres();
const node = await startNode({ DATABASE_URL: server.url, WORKERS: '1' });
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
const subscriber = await Subscriber.open(node.wsUrl, 'json');
for (const topic of TOPICS) await subscriber.subscribe(topic, { ack: 'none' });
const publisher = new Publisher(node.url, 'locked');
let over = false;
const load = publisher.load({ topics: TOPICS, connections: 8, until: () => over, pauseMs: 2 });
t.teardown(async () => {
  subscriber.close();
  publisher.close();
  await node.stop();
  await admin.end();
  await server.stop();
});

async function leaf(): Promise<string> {
  const sql = `SELECT 'conduit.messages_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') AS leaf`;
  return (await admin.query<{ leaf: string }>(sql)).rows[0]?.leaf ?? '';
}

const isPublished = async (): Promise<boolean> => {
  const before = publisher.acked().length;
  return eventually(() => publisher.acked().length > before, 10_000).then(
    () => true,
    () => false,
  );
};

await eventually(() => publisher.acked().length > 100, 30_000);

t.test('statements that lock the day of today, one after another, under load', async (t) => {
  const today = await leaf();
  for (const sql of [
    `VACUUM FULL ${today}`,
    `REINDEX TABLE ${today}`,
    `CREATE INDEX by_content ON ${today} (content_type); DROP INDEX conduit.by_content`,
    `VACUUM FULL conduit.topics`,
  ]) {
    await admin.query(sql);
    t.ok(await isPublished(), `published after ${sql}`);
  }
});

/** As these hold, while they last. */
const LOCKS: Readonly<Record<string, (today: string) => string>> = {
  'CREATE INDEX, REINDEX': (today) => `LOCK TABLE ${today} IN SHARE MODE`,
  'VACUUM FULL': (today) => `LOCK TABLE ${today} IN ACCESS EXCLUSIVE MODE`,
  'LOCK TABLE of the whole log': () => 'LOCK TABLE conduit.messages',
  'LOCK TABLE of the topics': () => 'LOCK TABLE conduit.topics',
};

for (const [name, sqlOf] of Object.entries(LOCKS)) {
  t.test(name, async (t) => {
    const sql = sqlOf(await leaf());
    await admin.query(`BEGIN; ${sql}`);
    const until = performance.now() + 60_000;
    let slowest = 0;
    let refused: Answer | null = null;
    while (refused === null && performance.now() < until) {
      const from = performance.now();
      const [one, other] = await Promise.all([ask('locked.a'), ask('locked.b')]);
      slowest = Math.max(slowest, performance.now() - from);
      if (one.status !== 200 && other.status !== 200) refused = one;
    }
    t.ok(slowest < TOLD_MS, `told after ${Math.round(slowest)} ms`);
    t.match(refused, { status: 503, body: { code: 'log_unavailable' } });
    t.ok(Number(refused?.headers['retry-after']) > 0);
    t.match(refused?.body['detail'], /locked a table of the log: nothing was stored, try again/);
    const isRed = async (): Promise<boolean> =>
      (await request(`${node.url}/readyz`, {})).status === 503;
    await eventually(isRed, 10_000);
    t.match(await request(`${node.url}/api/health`, {}), {
      status: 503,
      body: { checks: { log: 'a table of the log is locked by another session of the database' } },
    });
    await admin.query('ROLLBACK');
    t.ok(await isPublished(), 'it goes on by itself');
    await eventually(async () => !(await isRed()), 10_000);
  });
}

let asked = 0;

/** A single publish, with all of its answer. */
function ask(topic: string): Promise<Answer> {
  return request(`${node.url}/api/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic, payload: { n: `asked-${++asked}` } }),
  });
}

t.test(
  'a batch that is larger than what a socket takes at once: not stored, and known to be so',
  async (t) => {
    const today = await leaf();
    await admin.query(`BEGIN; LOCK TABLE ${today}`);
    const big = 'x'.repeat(200_000);
    const from = performance.now();
    const told = await Promise.all(
      Array.from({ length: 32 }, () => publisher.publish('locked.a', { big })),
    );
    const tookMs = Math.round(performance.now() - from);
    const statuses = told.map(({ status, outcome }) => `${status} ${outcome}`);
    t.same([...new Set(statuses)], ['503 refused'], `after ${tookMs} ms`);
    t.ok(tookMs < 2 * TOLD_MS, `told after ${tookMs} ms`);
    await admin.query('ROLLBACK');
    t.ok(await isPublished());
  },
);

t.test('a day that is past: whoever locks it is in the way of no publisher', async (t) => {
  const { rows } = await admin.query<{ leaf: string }>(
    `SELECT 'conduit.messages_' || to_char((now() AT TIME ZONE 'UTC')::date - 1, 'YYYYMMDD') AS leaf`,
  );
  await admin.query(`BEGIN; LOCK TABLE ${rows[0]?.leaf}`);
  for (let n = 0; n < 3; n++) t.match(await publisher.publish('locked.c'), { outcome: 'ok' });
  await admin.query('ROLLBACK');
});

t.test('a topic whose row is held: topic_busy, and the others go on', async (t) => {
  await admin.query("BEGIN; SELECT FROM conduit.topics WHERE name = 'locked.a' FOR UPDATE");
  // The session that waits for topics is opened by the first.
  let tookMs = 0;
  await eventually(async () => {
    const from = performance.now();
    const { status, body } = await ask('locked.a');
    tookMs = performance.now() - from;
    return status === 503 && body['code'] === 'topic_busy';
  }, 20_000);
  t.ok(tookMs < 8_000, `told after ${Math.round(tookMs)} ms`);
  t.match(await publisher.publish('locked.b'), { outcome: 'ok' });
  await admin.query('ROLLBACK');
  await eventually(async () => (await publisher.publish('locked.a')).outcome === 'ok', 10_000);
});

t.test('nothing of it is lost, doubled or out of order', async (t) => {
  over = true;
  await load;
  const verdict = await judgeLog(server.url, publisher.history);
  const { lost, broken, twice, misplaced, storedThoughRefused } = verdict;
  t.same([...lost, ...broken, ...twice, ...misplaced, ...storedThoughRefused], []);
  const given = (): number =>
    [...subscriber.sequences.values()].reduce((sum, { length }) => sum + length, 0);
  await eventually(() => given() === verdict.rows, 30_000);
  t.same(subscriber.disorder, []);
});
