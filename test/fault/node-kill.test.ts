// Goal: nothing that was acknowledged is lost when the node is killed (I1, I2, I7).
// Method: load, SIGKILL at a random moment, restart, 20 times over; then the log is judged.
import t from 'tap';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Publisher, request } from '../support/clients/publisher.js';
import { judgeLog } from '../support/log/log-checker.js';

const KILLS = 20;
const TOPICS = Array.from({ length: 8 }, (_, i) => `kill.${i}`);

t.test('every acknowledged message survives 20 SIGKILLs of the node under load', async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const env = { DATABASE_URL: postgres.url };
  const publisher = new Publisher('', 'kill');
  t.teardown(() => publisher.close());
  let node = await startNode(env);
  t.teardown(() => node.kill9());
  for (const name of TOPICS) {
    await request(`${node.url}/api/topics`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
  }
  for (let kill = 0; kill < KILLS; kill++) {
    publisher.url = node.url;
    const ackedBefore = publisher.acked().length;
    let killed = false;
    const load = publisher.load({ topics: TOPICS, connections: 32, until: () => killed });
    const wait = async (): Promise<void> => {
      while (publisher.acked().length < ackedBefore + 50) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 50));
    };
    await wait();
    await node.kill9();
    killed = true;
    await load;
    node = await startNode(env);
  }
  const verdict = await judgeLog(postgres.url, publisher.history);
  t.comment(`${verdict.acked} acknowledged, ${verdict.rows} in the log`);
  t.ok(verdict.acked >= KILLS * 50);
  t.same(
    { ...verdict, rows: 0, acked: 0 },
    {
      rows: 0,
      acked: 0,
      lost: [],
      phantom: [],
      storedThoughRefused: [],
      misplaced: [],
      broken: [],
      twice: [],
    },
  );
  t.equal(await node.stop(), 0);
});
