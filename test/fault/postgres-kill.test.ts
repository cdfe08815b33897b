// Goal: PostgreSQL may be killed at any moment: publishers are told 503 within 2 s, nothing that was
// acknowledged is lost, and the node recovers by itself (I1, I2, I7).
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Publisher, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { judgeLog } from '../support/log/log-checker.js';

const TOPICS = Array.from({ length: 4 }, (_, i) => `pgkill.${i}`);
const KILLS = 3;

t.test('kill -9 of PostgreSQL under load loses nothing and the node recovers', async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const node = await startNode({ DATABASE_URL: postgres.url });
  t.teardown(() => node.kill9());
  const subscriber = await Subscriber.open(node.wsUrl, 'json');
  subscriber.keep = false;
  t.teardown(() => subscriber.close());
  for (const topic of TOPICS) await subscriber.subscribe(topic, { ack: 'none' });
  const publisher = new Publisher(node.url, 'pg');
  t.teardown(() => publisher.close());
  let done = false;
  const load = publisher.load({ topics: TOPICS, connections: 16, until: () => done });
  for (let kill = 0; kill < KILLS; kill++) {
    const acked = publisher.acked().length;
    await eventually(() => publisher.acked().length > acked + 200);
    await postgres.kill9();
    await eventually(async () => {
      const answer = await request(`${node.url}/api/publish`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          topic: TOPICS[0],
          payload: { n: `probe-${kill}-${Math.random()}` },
        }),
      });
      return answer.status === 503 && Number(answer.headers['retry-after']) >= 1;
    });
    const health = await request(`${node.url}/api/health`, {});
    t.equal(health.status, 503);
    t.equal(health.body.status, 'degraded');
    await postgres.start();
  }
  const acked = publisher.acked().length;
  await eventually(() => publisher.acked().length > acked + 200);
  done = true;
  await load;
  const verdict = await judgeLog(postgres.url, publisher.history);
  t.comment(`${verdict.acked} acknowledged, ${verdict.rows} in the log`);
  t.same(verdict.lost, []);
  t.same(verdict.storedThoughRefused, []);
  t.same(verdict.misplaced, []);
  t.same(verdict.broken, []);
  t.same(verdict.twice, []);
  t.same(
    verdict.phantom.filter((mark) => !mark.startsWith('probe-')),
    [],
  );
  await eventually(() => {
    const got = TOPICS.reduce(
      (sum, topic) => sum + (subscriber.sequences.get(topic)?.length ?? 0),
      0,
    );
    return got === verdict.rows;
  });
  t.same(subscriber.disorder, []);
  await eventually(async () => (await request(`${node.url}/api/health`, {})).status === 200);
});
