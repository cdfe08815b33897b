// Goal: a thread that dies is replaced; its publishes are answered; subscribers go on from the log.
import { existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { EventStream } from '../support/clients/event-stream.js';
import { Publisher, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { judgeLog } from '../support/log/log-checker.js';

const PRELOAD = path.resolve('test/support/nodes/die-on-demand.cjs');
const TOPICS = ['death.a', 'death.b', 'death.c'];

for (const kind of ['worker', 'acceptor']) {
  t.test(`a ${kind} thread that throws under load is replaced and loses nothing`, async (t) => {
    const trigger = path.join(tmpdir(), `die-${kind}-${process.pid}`);
    const postgres = await startPostgres();
    t.teardown(() => postgres.stop());
    const node = await startNode({
      DATABASE_URL: postgres.url,
      WORKERS: '2',
      NODE_OPTIONS: `--require ${PRELOAD}`,
      DIE_ON_DEMAND: trigger,
      DIE_ON_DEMAND_KIND: kind,
    });
    t.teardown(() => node.kill9());
    let subscriber = await Subscriber.open(node.wsUrl, 'json');
    for (const topic of TOPICS) await subscriber.subscribe(topic, { ack: 'none' });
    const publisher = new Publisher(node.url, kind);
    t.teardown(() => publisher.close());
    let done = false;
    const load = publisher.load({ topics: TOPICS, connections: 16, until: () => done });
    for (let death = 0; death < 3; death++) {
      const before = publisher.acked().length;
      await eventually(() => publisher.acked().length > before + 100);
      writeFileSync(trigger, '');
      // Whoever dies takes it along.
      await eventually(() => !existsSync(trigger));
      const after = publisher.acked().length;
      await eventually(() => publisher.acked().length > after + 100);
    }
    done = true;
    await load;
    const deaths = node.output().split('"event":"thread.died"').length - 1;
    t.ok(deaths >= 3, `${deaths} deaths were logged`);
    if (kind === 'worker') t.ok(publisher.history.some(({ outcome }) => outcome !== 'ok'));
    const verdict = await judgeLog(postgres.url, publisher.history);
    t.comment(`${verdict.acked} acknowledged, ${verdict.rows} in the log`);
    t.same([...verdict.lost, ...verdict.phantom, ...verdict.broken, ...verdict.twice], []);
    t.same(verdict.storedThoughRefused, []);
    if (kind === 'acceptor') {
      t.not(subscriber.closed, null, 'its sessions ended with it');
      subscriber = await Subscriber.open(node.wsUrl, 'json');
      for (const topic of TOPICS) {
        await subscriber.subscribe(topic, { ack: 'none', start: { from: 'earliest' } });
      }
    }
    await eventually(() => {
      const got = TOPICS.reduce(
        (n, topic) => n + (subscriber.sequences.get(topic)?.length ?? 0),
        0,
      );
      return got >= verdict.rows;
    });
    t.same(subscriber.disorder, []);
    subscriber.close();
  });
}

t.test(
  'a worker that dies before the first page has not given what it was asked for',
  async (t) => {
    const trigger = path.join(tmpdir(), `die-early-${process.pid}`);
    const postgres = await startPostgres();
    t.teardown(() => postgres.stop());
    const env = { DATABASE_URL: postgres.url, WORKERS: '1' };
    const first = await startNode(env);
    const messages = Array.from({ length: 100 }, (_, n) => ({ topic: 'early', payload: n }));
    const headers = { 'content-type': 'application/json' };
    const topic = { method: 'POST', headers, body: '{"name":"early"}' };
    t.equal((await request(`${first.url}/api/topics`, topic)).status, 201);
    const batch = { method: 'POST', headers, body: JSON.stringify({ messages }) };
    t.equal((await request(`${first.url}/api/publish/batch`, batch)).status, 200);
    t.equal(await first.stop(), 0);
    // A node that has none of it in memory, and cannot read it yet; heads are read of the day alone.
    const die = { NODE_OPTIONS: `--require ${PRELOAD}`, DIE_ON_DEMAND: trigger };
    const node = await startNode({ ...env, ...die, DIE_ON_DEMAND_KIND: 'worker' });
    t.teardown(() => node.kill9());
    const holder = new pg.Client({ connectionString: postgres.url });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('LOCK TABLE ONLY conduit.messages IN ACCESS EXCLUSIVE MODE');
    const subscriber = await Subscriber.open(node.wsUrl, 'json');
    await subscriber.subscribe('early', { ack: 'none', start: { from: 'earliest' } });
    const stream = await EventStream.open(`${node.url}/api/topics/early/events?from=earliest`);
    await eventually(() => stream.lastEventId !== '');
    t.match(stream.lastEventId, /:0$/, 'nothing was given yet');
    writeFileSync(trigger, '');
    await eventually(() => !existsSync(trigger));
    await holder.end();
    await eventually(() => subscriber.sequences.get('early')?.length === 100);
    await eventually(() => stream.of('message').length === 100);
    t.same(subscriber.disorder, []);
    t.same([stream.of('gap'), subscriber.control.filter((frame) => 'gap' in frame)], [[], []]);
    subscriber.close();
    stream.close();
  },
);
