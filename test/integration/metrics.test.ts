// Goal: a node under load shows in GET /metrics what it did, no more and no less; every metric that is
// declared, and that an alert or a panel of ops/ asks for, is there; what it shows outlives a thread, and
// does not grow with topics.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { PACKAGE_FOLDER, startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { Exposition } from '../support/documents/exposition.js';
import { ALL_METRICS, seriesNames } from '../support/documents/metrics-document.js';
import {
  alertExpressions,
  panelExpressions,
  unknownSeries,
} from '../support/documents/ops-files.js';
import { promqlErrors, seriesIn } from '../support/documents/promql.js';
import { ADMIN_KEY, startKeyedNode, TENANT_KEY } from '../support/nodes/keyed-node.js';

const TOKEN = 'a-token-for-the-metrics';
const JSON_TYPE = { 'content-type': 'application/json' };
const TOPICS = 200;

const postgres = await startPostgres();
const dieFile = path.join(mkdtempSync(path.join(tmpdir(), 'conduit-metrics-')), 'die');
const metricsPort = await freePort();
const node = await startNode({
  ...{ DATABASE_URL: postgres.url, WORKERS: '2', METRICS_TOKEN: TOKEN },
  METRICS_PORT: String(metricsPort),
  NODE_OPTIONS: `--require=${path.join(PACKAGE_FOLDER, 'test/support/nodes/die-on-demand.cjs')}`,
  DIE_ON_DEMAND: dieFile,
});
t.teardown(async () => {
  await node.kill9();
  await postgres.stop();
});

async function post(where: string, body: object): Promise<number> {
  const { status } = await request(`${node.url}${where}`, {
    ...{ method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) },
  });
  return status;
}

/** Until what the threads say fits. */
async function metricsOnce(fits: (seen: Exposition) => boolean): Promise<Exposition> {
  let seen = await Exposition.of(node);
  await eventually(async () => {
    seen = await Exposition.of(node);
    return fits(seen);
  });
  return seen;
}

t.test('it shows what was done', async (t) => {
  await post('/api/topics', { name: 'load' });
  const json = await Subscriber.open(node.wsUrl, 'json');
  const msgpack = await Subscriber.open(node.wsUrl, 'msgpack');
  await json.subscribe('load', { max_in_flight: 100, ack_wait_ms: 60_000 });
  await msgpack.subscribe('load', { max_in_flight: 100, max_deliver: 2, ack_wait_ms: 60_000 });
  const payload = 'x'.repeat(98);
  for (let n = 0; n < 10; n++) t.equal(await post('/api/publish', { topic: 'load', payload }), 200);
  const again = { topic: 'load', payload, dedupe_key: 'k' };
  t.equal(await post('/api/publish', again), 200);
  t.equal(await post('/api/publish', again), 200);
  t.equal(await post('/api/publish', { ...again, dedupe_key: 'later', delay_ms: 3_600_000 }), 202);
  t.equal(await post('/api/publish', { topic: 'nobody', payload }), 404);
  await eventually(() => json.messages.length === 11 && msgpack.messages.length === 11);
  json.send({ type: 'ack', topic: 'load', sequence: 3 });
  msgpack.send({ type: 'nack', topic: 'load', sequence: 1, delay_ms: 1 });
  msgpack.send({ type: 'reject', topic: 'load', sequence: 2 });
  msgpack.send({ type: 'extend', topic: 'load', sequence: 3 });
  json.send({ type: 'ack', topic: 'load', sequence: 9_999 });
  const seen = await metricsOnce(
    (now) =>
      now.sum('conduit_subscribers') === 2 &&
      now.sum('conduit_verdicts_total') === 4 &&
      now.sum('conduit_redelivered_messages_total') === 1 &&
      now.get('conduit_dead_letters_total') === 1 &&
      now.sum('conduit_log_open') === 2,
  );
  const published = (result: string): number =>
    seen.get(`conduit_published_messages_total{result="${result}"}`);
  t.same(['ok', 'deferred', 'duplicate', 'rejected'].map(published), [11, 1, 1, 1]);
  t.equal(seen.get('conduit_published_bytes_total'), 11 * 100);
  t.equal(seen.get('conduit_publish_duration_seconds_count'), 11);
  t.equal(seen.get('conduit_publish_duration_seconds_bucket{le="+Inf"}'), 11);
  t.ok(seen.get('conduit_publish_duration_seconds_sum') > 0);
  t.equal(seen.get('conduit_delivery_latency_seconds_count'), 22);
  t.equal(seen.get('conduit_delivered_messages_total{encoding="json"}'), 11);
  t.equal(seen.get('conduit_delivered_messages_total{encoding="msgpack"}'), 12, 'one came again');
  for (const verdict of ['ack', 'nack', 'extend', 'reject']) {
    t.equal(seen.get(`conduit_verdicts_total{verdict="${verdict}"}`), 1, verdict);
  }
  t.equal(seen.get('conduit_dead_letters_total'), 1);
  t.equal(seen.get('conduit_errors_total{code="unknown_delivery"}'), 1);
  t.equal(seen.get('conduit_errors_total{code="topic_not_found"}'), 1);
  const route = 'method="POST",route="/api/publish"';
  t.equal(seen.get(`conduit_http_requests_total{${route},status="2xx"}`), 13);
  t.equal(seen.get(`conduit_http_requests_total{${route},status="4xx"}`), 1);
  t.ok(seen.get('conduit_wal_batch_rows_sum') >= 11);
  t.equal(seen.get('conduit_connections'), 2);
  t.equal(seen.get('conduit_connections_opened_total'), 2);
  t.equal(seen.sum('conduit_subscribers'), 2);
  t.equal(seen.sum('conduit_topics'), 1);
  t.equal(seen.sum('conduit_log_open'), 2, 'of two workers');
  const database = 'database="1"';
  t.equal(seen.get(`conduit_database_open_workers{${database}}`), 2);
  const commits = seen.get('conduit_wal_commit_duration_seconds_count');
  t.equal(seen.get(`conduit_database_commits_total{${database}}`), commits);
  const seconds = seen.get('conduit_wal_commit_duration_seconds_sum');
  t.equal(seen.get(`conduit_database_commit_seconds_total{${database}}`), seconds);
  t.ok(seen.get(`conduit_database_pool_sessions{${database}}`) > 0);
  t.ok(Number.isNaN(seen.get('conduit_database_open_workers{database="2"}')), 'there is one');
  json.close();
  msgpack.socket.terminate();
  const closed = await metricsOnce((now) => now.sum('conduit_connections_closed_total') === 2);
  t.equal(closed.get('conduit_connections_closed_total{reason="client"}'), 1);
  t.equal(closed.get('conduit_connections_closed_total{reason="abrupt"}'), 1);
  t.equal(closed.get('conduit_connections'), 0);
});

t.test('its counters are those of /api/stats', async (t) => {
  const { body } = await request(`${node.url}/api/stats`, {});
  // What a worker says here is a second old at most.
  const seen = await metricsOnce(
    (now) => now.get('conduit_dead_letters_total') === body['dead_lettered'],
  );
  t.equal(seen.get('conduit_redelivered_messages_total'), body['redelivered']);
  t.equal(seen.get('conduit_connections'), body['sessions']);
});

t.test('every metric that is declared, or asked for in ops, is there', async (t) => {
  const { names } = await Exposition.of(node);
  for (const name of ALL_METRICS.flatMap(seriesNames)) t.ok(names.has(name), name);
  for (const expression of [...alertExpressions().values(), ...panelExpressions()]) {
    t.same(promqlErrors(expression), []);
    t.same(unknownSeries(seriesIn(expression), names), [], expression);
  }
});

t.test('what was counted outlives the thread that counted', async (t) => {
  const before = await Exposition.of(node);
  for (const kind of ['worker', 'acceptor']) {
    writeFileSync(`${dieFile}.${kind}`, '');
    const series = `conduit_thread_restarts_total{kind="${kind}"}`;
    await eventually(async () => {
      const seen = await Exposition.of(node).catch(() => null);
      return seen !== null && seen.get(series) >= 1 && seen.sum('conduit_log_open') === 2;
    });
  }
  const after = await Exposition.of(node);
  for (const name of [
    'published_messages',
    'delivered_messages',
    'connections_opened',
    'verdicts',
  ]) {
    t.ok(after.sum(`conduit_${name}_total`) >= before.sum(`conduit_${name}_total`), name);
  }
});

t.test('METRICS_PORT shows it to whoever has the token, and nothing else', async (t) => {
  const own = `http://127.0.0.1:${metricsPort}`;
  const { names } = await Exposition.of({ url: own }, { authorization: `Bearer ${TOKEN}` });
  t.ok(names.has('conduit_build_info'));
  for (const authorization of ['', 'Bearer', `Bearer ${TOKEN}x`, TOKEN]) {
    const { status, body } = await request(`${own}/metrics`, { headers: { authorization } });
    t.match({ status, body }, { status: 401, body: { code: 'unauthorized' } }, authorization);
  }
  const elsewhere = await request(`${own}/api/topics`, {});
  t.equal(elsewhere.status, 404);
});

t.test('where keys are asked for it is the operator who sees it', async (t) => {
  const keyed = await startKeyedNode();
  t.teardown(() => keyed.kill9());
  t.equal((await keyed.ask('GET /metrics', null)).status, 401);
  t.equal((await keyed.ask('GET /metrics', TENANT_KEY)).status, 403);
  const { text: without } = await Exposition.of(keyed, { authorization: `Bearer ${ADMIN_KEY}` });
  t.match(without, 'conduit_build_info{');
  t.notOk((await Exposition.of(keyed, { 'x-api-key': ADMIN_KEY })).text.includes(ADMIN_KEY));
  const byOperator = { authorization: `Bearer ${ADMIN_KEY}` };
  for (let n = 0; n < TOPICS; n++)
    await keyed.ask('POST /api/topics', TENANT_KEY, { name: `many.${n}` });
  await eventually(
    async () => (await Exposition.of(keyed, byOperator)).sum('conduit_topics') === TOPICS,
  );
  const { text } = await Exposition.of(keyed, byOperator);
  t.ok(text.split('\n').length < without.split('\n').length + 10, 'topics do not make it longer');
});
