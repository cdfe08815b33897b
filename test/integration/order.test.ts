// Goal: order and completeness (I2, I3): 50 topics x 64 concurrent publishers x 20 subscribers, in the
// three formats, everything received once and in sequence.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Publisher } from '../support/clients/publisher.js';
import type { Format } from '../support/clients/subscriber.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { judgeLog } from '../support/log/log-checker.js';

const TOPICS = Array.from({ length: 50 }, (_, i) => `order.${i}`);
const FORMATS: Format[] = ['seed', 'json', 'msgpack'];
const MESSAGES = 5_000;

for (const workers of ['1', '2']) {
  t.test(`50 topics, 64 publishers, 20 subscribers, ${workers} worker(s), durable`, async (t) => {
    const postgres = await startPostgres();
    t.teardown(() => postgres.stop());
    const node = await startNode({
      DATABASE_URL: postgres.url,
      WORKERS: workers,
      ACCEPTORS: workers,
    });
    t.teardown(() => node.kill9());
    const subscribers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        Subscriber.open(node.wsUrl, FORMATS[i % FORMATS.length] ?? 'seed'),
      ),
    );
    for (const subscriber of subscribers) {
      subscriber.keep = false;
      await Promise.all(TOPICS.map((topic) => subscriber.subscribe(topic)));
    }
    const publisher = new Publisher(node.url, 'order');
    t.teardown(() => publisher.close());
    await publisher.load({
      topics: TOPICS,
      connections: 64,
      until: () => publisher.history.length >= MESSAGES,
    });
    const verdict = await judgeLog(postgres.url, publisher.history);
    t.equal(verdict.acked, publisher.history.length);
    t.same([...verdict.lost, ...verdict.phantom, ...verdict.broken, ...verdict.twice], []);
    for (const subscriber of subscribers) {
      await eventually(() => {
        let got = 0;
        for (const sequences of subscriber.sequences.values()) got += sequences.length;
        return got === verdict.rows;
      });
      t.same(subscriber.disorder, [], subscriber.format);
      t.ok([...subscriber.sequences.values()].every((sequences) => sequences[0] === 1));
      subscriber.close();
    }
  });
}
