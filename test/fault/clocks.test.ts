// Goal: where a node's wall clock stands, and when it is set, changes nothing that is stored or compared:
// times to live, release times, redeliveries across nodes, look-ups by id go by the database's clock.
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { fakeTime, OffClock } from '../support/nodes/off-clock.js';

const DELAY_MS_MAX = 120_000;
const LONG_MS = 100_000;
/** For a busy machine; the clocks are off by far more. */
const CLOSE_MS = 5_000;

const server = await startPostgres();
t.teardown(() => server.stop());
const client = new pg.Client({ connectionString: server.url });
await client.connect();
t.teardown(() => client.end());

async function databaseMs(): Promise<number> {
  const sql = 'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms';
  return (await client.query<{ ms: number }>(sql)).rows[0]?.ms ?? 0;
}

function start(env: Record<string, string>): Promise<TestNode> {
  const limits = { WORKERS: '1', DELAY_MS_MAX: String(DELAY_MS_MAX) };
  return startNode({ DATABASE_URL: server.url, ...limits, ...env });
}

function publish(
  node: TestNode,
  topic: string,
  more: Record<string, unknown> = {},
): Promise<Answer> {
  return request(`${node.url}/api/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic, payload: 1, ...more }),
  });
}

async function expired(node: TestNode): Promise<number> {
  return Number((await request(`${node.url}/api/stats`, {})).body.expired);
}

const inMs = async (ms: number): Promise<string> =>
  new Date((await databaseMs()) + ms).toISOString();

/** What a node does by the clock, as if it had the database's. */
async function keepsTime(t: Test, node: TestNode, topic: string): Promise<void> {
  const session = await Subscriber.open(node.wsUrl, 'json');
  await session.subscribe(topic, { max_in_flight: 100 });
  const before = await expired(node);
  const living = await publish(node, topic, { ttl_ms: 60_000 });
  await publish(node, topic);
  await eventually(() => session.messages.length === 2);
  t.equal(await expired(node), before, 'nothing is taken for expired');

  const publishedMs = Date.parse(String(living.body.published_at));
  t.ok(Math.abs(publishedMs - (await databaseMs())) < CLOSE_MS, 'published by the database');
  const id = String(living.body.message_id);
  const madeMs = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
  t.ok(Math.abs(madeMs - publishedMs) < CLOSE_MS, 'so is its id made');
  t.match(await request(`${node.url}/api/messages/${id}`, {}), {
    status: 200,
    body: { message_id: id },
  });

  const dead = await publish(node, topic, { ttl_ms: 1 });
  const last = await publish(node, topic);
  const { sequence, epoch } = dead.body;
  const late = await Subscriber.open(node.wsUrl, 'json');
  await eventually(
    async () => (await databaseMs()) > Date.parse(String(dead.body.published_at)) + 50,
  );
  await late.subscribe(topic, { start: { from: 'sequence', sequence, epoch } });
  await eventually(() => late.messages.length > 0);
  t.equal(late.messages[0]?.['sequence'], last.body.sequence, 'and what has expired has');

  const far = await publish(node, topic, { deliver_at: await inMs(LONG_MS) });
  t.equal(far.status, 202, 'within DELAY_MS_MAX of the database');
  const tooFar = await publish(node, topic, { deliver_at: await inMs(DELAY_MS_MAX + 20_000) });
  t.match(tooFar, { status: 400, body: { code: 'invalid_field', field: 'deliver_at' } });
  const cancelled = `${node.url}/api/deferred/${far.body.deferred_id}`;
  t.equal((await request(cancelled, { method: 'DELETE' })).status, 204);
  await publish(node, topic, { payload: 'soon', deliver_at: await inMs(300) });
  await eventually(() => session.messages.some(({ payload }) => payload === 'soon'), 10_000);
  for (const one of [session, late]) one.close();
}

/** What one node has put off, another puts off as long. */
async function handsOver(t: Test, from: TestNode, to: TestNode, topic: string): Promise<void> {
  const [one, two] = [
    await Subscriber.open(from.wsUrl, 'json'),
    await Subscriber.open(to.wsUrl, 'json'),
  ];
  await one.subscribe(topic, { subscription: 'taken', max_in_flight: 10 });
  const [soon, later] = [await publish(from, topic), await publish(from, topic)];
  await eventually(() => one.messages.length === 2);
  const nack = (answer: Answer, delay_ms: number): void =>
    one.send({ type: 'nack', topic, sequence: answer.body.sequence, delay_ms, ref: delay_ms });
  const atMs = await databaseMs();
  nack(later, LONG_MS);
  nack(soon, 1_500);
  await one.waitFor((frame) => frame['ref'] === 1_500);
  const dueMs = async (node: TestNode): Promise<number> => {
    const { body } = await request(`${node.url}/api/messages/${later.body.message_id}`, {});
    if (!Array.isArray(body.deliveries)) throw new Error(node.output());
    const [delivery] = body.deliveries as { next_attempt_at: string }[];
    return Date.parse(delivery?.next_attempt_at ?? '');
  };
  t.ok(Math.abs((await dueMs(from)) - (atMs + LONG_MS)) < CLOSE_MS, 'as it was put off');
  await two.subscribe(topic, { subscription: 'taken', max_in_flight: 10 });
  t.ok(Math.abs((await dueMs(to)) - (atMs + LONG_MS)) < CLOSE_MS, 'and as it was taken over');
  await eventually(() => two.messages.length === 1, 10_000);
  const passedMs = (await databaseMs()) - atMs;
  t.ok(passedMs > 1_400 && passedMs < 1_500 + CLOSE_MS, `again after ${Math.round(passedMs)} ms`);
  t.match(two.messages[0], { sequence: soon.body.sequence, attempt: 2 });
  for (const session of [one, two]) session.close();
}

/** As nodes of before made them, by clocks that were off. */
async function findsIds(t: Test, node: TestNode): Promise<void> {
  for (const days of [-3, -1, 1, 3]) {
    const { body } = await publish(node, 'ahead');
    const madeMs = (await databaseMs()) + days * 86_400_000;
    const hex = Math.round(madeMs).toString(16).padStart(12, '0');
    const id = `${hex.slice(0, 8)}-${hex.slice(8)}${String(body.message_id).slice(13)}`;
    const sql = 'UPDATE conduit.messages SET message_id = $1 WHERE message_id = $2';
    t.equal((await client.query(sql, [id, body.message_id])).rowCount, 1);
    t.match(await request(`${node.url}/api/messages/${id}`, {}), {
      status: 200,
      body: { message_id: id, sequence: body.sequence },
    });
  }
}

t.test('nodes 90 s ahead and behind, and set while they run', async (t) => {
  const clocks = [new OffClock(90_000), new OffClock(-90_000)] as const;
  t.teardown(() => {
    for (const clock of clocks) clock.remove();
  });
  const [ahead, behind] = await Promise.all([start(clocks[0].env), start(clocks[1].env)]);
  t.teardown(() => Promise.all([ahead.kill9(), behind.kill9()]));
  await Promise.all([keepsTime(t, ahead, 'ahead'), keepsTime(t, behind, 'behind')]);
  await handsOver(t, ahead, behind, 'over.1');
  clocks[0].set(-3_600_000);
  clocks[1].set(600_000);
  await Promise.all([keepsTime(t, ahead, 'ahead'), keepsTime(t, behind, 'behind')]);
  await handsOver(t, behind, ahead, 'over.2');
  await findsIds(t, behind);
  const stats = await request(`${ahead.url}/api/stats`, {});
  const up = Number(stats.body.uptime_seconds);
  t.ok(up >= 0 && up < 600, `up for ${up} s`);
  const { message_id: id } = (await publish(ahead, 'ahead')).body;
  t.equal((await request(`${behind.url}/api/messages/${id}`, {})).status, 200);
  t.same([await ahead.stop(), await behind.stop()], [0, 0]);
});

t.test('time as libfaketime makes it, where there is one', async (t) => {
  const env = fakeTime('+90s');
  if (env === null) {
    t.comment('libfaketime is not here');
    return;
  }
  const node = await start(env);
  t.teardown(() => node.kill9());
  await keepsTime(t, node, 'faked');
  t.equal(await node.stop(), 0);
});
