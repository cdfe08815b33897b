// Goal: a thread that dies is replaced; its publishes are answered; subscribers go on from the log.
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { eventually } from '../support/eventually.js';
import { judgeLog } from '../support/log-checker.js';
import { startNode } from '../support/node.js';
import { startPostgres } from '../support/postgres.js';
import { Publisher } from '../support/publisher.js';
import { Subscriber } from '../support/subscriber.js';

const PRELOAD = path.resolve('test/support/die-on-demand.cjs');
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
      await eventually(
        () => publisher.history.some((a) => a.outcome !== 'ok') || kind === 'acceptor',
      );
      const after = publisher.acked().length;
      await eventually(() => publisher.acked().length > after + 100);
    }
    done = true;
    await load;
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
