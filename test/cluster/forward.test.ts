// Goal: without Redis nodes tell each other of their commits by POST /internal/forward: whole and in order,
// to those who listen; a node that does not answer holds up no publish and no other node.
import http from 'node:http';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Publisher } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { judgeLog } from '../support/log/log-checker.js';
import {
  ask,
  backplaneOf,
  postJson,
  publish,
  SECRET,
  startReachable,
} from '../support/nodes/node-pair.js';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const env = { DATABASE_URL: postgres.url, INTERNAL_SECRET: SECRET };
const a = await startReachable({ ...env, NODE_ID: 'a', WORKERS: '2' });
t.teardown(() => a.kill9());
const b = await startReachable({ ...env, NODE_ID: 'b', WORKERS: '3' });
t.teardown(() => b.kill9());

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Published at a until an envelope came to b, where it is subscribed to. */
async function flows(topic: string, onB: Subscriber): Promise<void> {
  await eventually(async () => {
    const { received } = await backplaneOf(b);
    const next = onB.messages.length + 1;
    await publish(a, { topic, payload: 'first' });
    await eventually(() => onB.messages.length >= next);
    return (await backplaneOf(b)).received > received;
  });
}

t.test('a subscriber at the other node is given it, whole and in order', async (t) => {
  const onB = await Subscriber.open(b.wsUrl, 'json');
  await onB.subscribe('news', { ack: 'none' });
  t.match(await backplaneOf(a), { state: 'forwarding' });
  await flows('news', onB);
  const before = { a: await backplaneOf(a), b: await backplaneOf(b), got: onB.messages.length };
  const headers = { 'x-länge': 'ü'.repeat(50) };
  for (let n = 0; n < 20; n++) {
    await publish(a, { topic: 'news', payload: { n, long: 'x'.repeat(n * 9_000) }, headers });
    await eventually(() => onB.messages.length === before.got + 1 + n);
  }
  const after = await backplaneOf(b);
  const stale = (after.dropped['stale'] ?? 0) - (before.b.dropped['stale'] ?? 0);
  t.equal(after.received - before.b.received + stale, 20, 'each in an envelope');
  t.ok(stale < 10, 'which was seldom later than a look at the log');
  await eventually(async () => (await backplaneOf(a)).forwarded >= before.a.forwarded + 20);
  t.match(onB.messages.at(-1), { headers, payload: { n: 19 } });
  t.same(onB.disorder, []);
  t.match((await backplaneOf(a)).unforwarded, 0);
  onB.close();
});

t.test('a topic that nobody listens to there is not sent, until somebody does', async (t) => {
  await postJson(a, '/api/topics', { name: 'unheard' });
  const { unheard } = await backplaneOf(a);
  await eventually(async () => {
    await publish(a, { topic: 'unheard', payload: 0 });
    return (await backplaneOf(a)).unheard > unheard + 5;
  });
  const onB = await Subscriber.open(b.wsUrl, 'json');
  await onB.subscribe('unheard', { ack: 'none' });
  await flows('unheard', onB);
  t.same(onB.disorder, []);
  onB.close();
});

t.test('publishes at both nodes while one of them is frozen for a while', async (t) => {
  const topics = ['frozen.1', 'frozen.2'];
  const onB = await Subscriber.open(b.wsUrl, 'json');
  const onA = await Subscriber.open(a.wsUrl, 'json');
  for (const one of [onA, onB]) {
    for (const topic of topics) await one.subscribe(topic, { ack: 'none' });
  }
  const publisher = new Publisher(a.url, 'a');
  let isOver = false;
  const until = (): boolean => isOver;
  const load = publisher.load({ topics, connections: 4, until, pauseMs: 5 });
  await eventually(() => publisher.acked().length > 100);
  const { unforwarded } = await backplaneOf(a);
  b.process.kill('SIGSTOP');
  await eventually(async () => (await backplaneOf(a)).unforwarded > unforwarded, 20_000);
  const before = publisher.acked().length;
  await eventually(() => publisher.acked().length > before + 50);
  b.process.kill('SIGCONT');
  const { received } = await backplaneOf(b);
  await eventually(async () => (await backplaneOf(b)).received > received + 20, 20_000);
  isOver = true;
  await load;
  t.same(
    publisher.history.filter(({ outcome }) => outcome !== 'ok'),
    [],
    'no publish fails for the other node',
  );
  const verdict = await judgeLog(postgres.url, publisher.history);
  const known = new Set(publisher.history.map(({ mark }) => mark));
  const twice = verdict.twice.filter((mark) => known.has(mark));
  t.same([...verdict.lost, ...verdict.broken, ...twice], []);
  for (const one of [onA, onB]) {
    await eventually(() => one.messages.length === publisher.history.length);
    t.same(one.disorder, []);
    one.close();
  }
  publisher.close();
});

t.test(
  'a node that answers with a redirect, or never, takes nothing from the others',
  async (t) => {
    const seen: string[] = [];
    const elsewhere = http.createServer((request, response) => {
      seen.push(`${request.url} ${String(request.headers['x-internal-secret'])}`);
      response.end('{"accepted":1,"unheard":[]}');
    });
    const other = await freePort();
    await new Promise<void>((resolve) => elsewhere.listen(other, '127.0.0.1', resolve));
    let asked = 0;
    const fake = http.createServer((request, response) => {
      request.resume();
      // Every second one is answered.
      if (asked++ % 2 === 0)
        response.writeHead(307, { location: `http://127.0.0.1:${other}/x` }).end();
    });
    const port = await freePort();
    await new Promise<void>((resolve) => fake.listen(port, '127.0.0.1', resolve));
    t.teardown(() => {
      for (const server of [fake, elsewhere]) server.close().closeAllConnections();
    });
    const sql = new pg.Client({ connectionString: postgres.url });
    await sql.connect();
    await sql.query(
      `INSERT INTO conduit.nodes (id, boot_id, lease_until, addr, version, sessions, topics, backplane,
       forward_url)
     VALUES ('c', gen_random_uuid(), clock_timestamp() + interval '2.5 s', 'c:1', '0', 0, '{0}', '-', $1)`,
      [`http://127.0.0.1:${port}`],
    );
    const renewal = setInterval(() => {
      void sql.query(
        `UPDATE conduit.nodes SET lease_until = clock_timestamp() + interval '2.5 s' WHERE id = 'c'`,
      );
    }, 500);
    const onB = await Subscriber.open(b.wsUrl, 'json');
    await onB.subscribe('beside', { ack: 'none' });
    await eventually(async () => {
      await publish(a, { topic: 'beside', payload: 1 });
      return asked >= 3;
    }, 20_000);
    clearInterval(renewal);
    await flows('beside', onB);
    t.same(onB.disorder, []);
    t.same(seen, [], 'nobody is followed elsewhere');
    t.ok((await backplaneOf(a)).unforwarded > 0);
    const lines = a.output().match(/"msg":"another node takes nothing by POST/g) ?? [];
    t.ok(lines.length >= 1 && lines.length < 8, `${lines.length} lines`);
    await sql.end();
    onB.close();
  },
);

t.test('nodes whose NODE_ADDR leads nowhere cost the others nothing, and are named', async (t) => {
  const nowhere = [
    `http://127.0.0.1:${await freePort()}`,
    'http://no-such-host.invalid:8080',
    // Of no network: nothing answers, not even that there is nobody.
    'http://192.0.2.1:8080',
  ];
  const sql = new pg.Client({ connectionString: postgres.url });
  await sql.connect();
  for (const [n, url] of nowhere.entries()) {
    await sql.query(
      `INSERT INTO conduit.nodes (id, boot_id, lease_until, addr, version, sessions, topics, backplane,
         forward_url)
       VALUES ($1, gen_random_uuid(), clock_timestamp() + interval '2.5 s', 'x:1', '0', 0, '{0}', '-', $2)`,
      [`nowhere-${n}`, url],
    );
  }
  const renewal = setInterval(() => {
    void sql.query(
      `UPDATE conduit.nodes SET lease_until = clock_timestamp() + interval '2.5 s'
       WHERE id LIKE 'nowhere-%'`,
    );
  }, 500);
  const onB = await Subscriber.open(b.wsUrl, 'json');
  await onB.subscribe('astray', { ack: 'none' });
  const { unforwarded } = await backplaneOf(a);
  await eventually(async () => {
    await flows('astray', onB);
    return (await backplaneOf(a)).unforwarded > unforwarded + 3;
  });
  const ids = nowhere.map((_, n) => `nowhere-${n}`);
  await eventually(async () => {
    const { body } = await ask(a, '/api/stats');
    return ids.every((id) => (body['uncounted_nodes'] as string[]).includes(id));
  });
  const { body } = await ask(b, '/api/sessions');
  const unanswered = (body['unanswered'] ?? []) as { node: string }[];
  for (const id of ids)
    t.ok(
      unanswered.some(({ node }) => node === id),
      id,
    );
  t.match(await ask(a, '/readyz'), { status: 200 });
  await flows('astray', onB);
  clearInterval(renewal);
  await sql.query(`DELETE FROM conduit.nodes WHERE id LIKE 'nowhere-%'`);
  await sql.end();
  t.same(onB.disorder, []);
  onB.close();
});

t.test('both end in order, and what they committed last is told', async (t) => {
  const onB = await Subscriber.open(b.wsUrl, 'json');
  await onB.subscribe('last', { ack: 'none' });
  await flows('last', onB);
  const next = onB.messages.length + 1;
  await publish(a, { topic: 'last', payload: 'last' });
  t.equal(await a.stop(), 0);
  await eventually(() => onB.messages.length === next);
  onB.close();
  t.equal((await ask(b, '/readyz')).status, 200);
  await pause(0);
  t.equal(await b.stop(), 0);
});
