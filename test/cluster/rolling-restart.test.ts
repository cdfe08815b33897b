// Goal: nodes are drained by the API of any of them and started again, one after the other, under load: no
// publish of somebody who tries again fails, nothing is lost, doubled or out of order, and a durable
// subscription that goes on at whichever node there is gets all of it.
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { judgeLog } from '../support/log-checker.js';
import { ask, postJson, SECRET, startReachable } from '../support/node-pair.js';
import type { Attempt } from '../support/publisher.js';
import { Subscriber } from '../support/subscriber.js';

const TOPIC = 'rolled';
const TRIES_MAX = 200;

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const env = { DATABASE_URL: postgres.url, INTERNAL_SECRET: SECRET };
const nodes: TestNode[] = [];
for (const NODE_ID of ['a', 'b']) nodes.push(await startReachable({ ...env, NODE_ID }));
t.teardown(async () => {
  for (const node of nodes) await node.kill9();
});
const node = (n: number): TestNode => nodes[n % nodes.length] as TestNode;

let isOver = false;
/** All that was published stands in `history`. */
let isWhole = false;
const history: Attempt[] = [];

/** One message after another, each until it is taken, at one node or the other. */
async function publishOn(name: string): Promise<void> {
  for (let n = 0; !isOver; n++) {
    const mark = `${name}-${n}`;
    const body = { topic: TOPIC, payload: { n: mark }, dedupe_key: mark };
    for (let tries = 0; ; tries++) {
      const answer = await postJson(node(n + tries), '/api/publish', body).catch(() => null);
      if (answer?.status === 200) {
        const { sequence, message_id: messageId } = answer.body as {
          sequence: number;
          message_id: string;
        };
        history.push({ topic: TOPIC, mark, outcome: 'ok', status: 200, sequence, messageId });
        break;
      }
      if (tries === TRIES_MAX) throw new Error(`${mark}: ${answer?.status}`);
      await delay(25);
    }
    await delay(5);
  }
}

/** Marks in the order in which each came first; it goes on elsewhere when its node sends it away. */
async function consume(first: string[]): Promise<void> {
  const known = new Set<string>();
  for (let n = 0; ; n++) {
    const one = await Subscriber.open(node(n).wsUrl, 'json').catch(() => null);
    const asked = await one?.subscribe(TOPIC, { subscription: 'worker' }).catch(() => null);
    let seen = 0;
    while (one !== null && asked != null && one.closed === null) {
      for (; seen < one.messages.length; seen++) {
        const { payload, sequence } = one.messages[seen] as never;
        const { n: mark } = payload as { n: string };
        if (!known.has(mark)) first.push(mark);
        known.add(mark);
        one.send({ type: 'ack', topic: TOPIC, sequence });
      }
      if (isWhole && known.size === history.length) {
        one.close();
        return;
      }
      await delay(5);
    }
    await delay(50);
  }
}

t.test('both nodes in turn, twice, by the API of the other', async (t) => {
  t.equal((await postJson(node(0), '/api/topics', { name: TOPIC })).status, 201);
  t.match(await postJson(node(0), '/api/nodes/nobody/drain', {}), {
    status: 404,
    body: { code: 'node_not_found' },
  });
  const publishers = ['p', 'q', 'r'].map((name) => publishOn(name));
  const first: string[] = [];
  const consumer = consume(first);
  for (let n = 0; n < 4; n++) {
    const before = history.length;
    await eventually(() => history.length > before + 30);
    const [drained, other] = [node(n), node(n + 1)];
    const id = n % 2 === 0 ? 'a' : 'b';
    const answer = await postJson(other, `/api/nodes/${id}/drain`, {});
    t.match(answer, { status: 202, body: { node: id, state: 'draining' } });
    t.equal(await drained.exited, 0, drained.output());
    const own = { NODE_ID: id, PORT: `${drained.port}`, NODE_ADDR: `127.0.0.1:${drained.port}` };
    nodes[n % 2] = await startNode({ ...env, ...own });
  }
  const before = history.length;
  await eventually(() => history.length > before + 30);
  isOver = true;
  await Promise.all(publishers);
  isWhole = true;
  await consumer;
  const verdict = await judgeLog(postgres.url, history);
  t.same([...verdict.lost, ...verdict.phantom, ...verdict.broken, ...verdict.twice], []);
  const bySequence = [...history].sort((one, other) => one.sequence - other.sequence);
  t.same(
    first,
    bySequence.map(({ mark }) => mark),
    'first deliveries in their order',
  );
  for (const name of ['p', 'q', 'r']) {
    const own = history.filter(({ mark }) => mark.startsWith(name));
    t.ok(own.every(({ sequence }, n) => n === 0 || sequence > (own[n - 1]?.sequence ?? 0)));
  }
});

t.test('a node drains itself, too; the next life of it does not', async (t) => {
  const { port } = node(0);
  t.equal((await postJson(node(0), '/api/nodes/a/drain', {})).status, 202);
  t.equal(await node(0).exited, 0);
  const own = { NODE_ID: 'a', PORT: `${port}`, NODE_ADDR: `127.0.0.1:${port}` };
  nodes[0] = await startNode({ ...env, ...own });
  const { body } = await ask(node(1), '/api/nodes');
  t.match(body['nodes'], [
    { id: 'a', state: 'live' },
    { id: 'b', state: 'live' },
  ]);
  const memory = await startNode({ NODE_ID: 'm' });
  t.equal((await postJson(memory, '/api/nodes/other/drain', {})).status, 404);
  t.equal((await postJson(memory, '/api/nodes/m/drain', {})).status, 202);
  t.equal(await memory.exited, 0);
});
