// Goal: nodes are drained by the API of any of them and started again, one after the other, under load: no
// publish of somebody who tries again fails, nothing is lost, doubled or out of order, and a durable
// subscription that goes on at whichever node there is gets all of it.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { RollingLoad } from '../support/chaos/rolling-load.js';
import { ask, postJson, SECRET, startReachable } from '../support/nodes/node-pair.js';

const TOPIC = 'rolled';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const env = { DATABASE_URL: postgres.url, INTERNAL_SECRET: SECRET };
const nodes: TestNode[] = [];
for (const NODE_ID of ['a', 'b']) nodes.push(await startReachable({ ...env, NODE_ID }));
t.teardown(async () => {
  for (const node of nodes) await node.kill9();
});
const node = (n: number): TestNode => nodes[n % nodes.length] as TestNode;

t.test('both nodes in turn, twice, by the API of the other', async (t) => {
  t.equal((await postJson(node(0), '/api/topics', { name: TOPIC })).status, 201);
  t.match(await postJson(node(0), '/api/nodes/nobody/drain', {}), {
    status: 404,
    body: { code: 'node_not_found' },
  });
  const load = new RollingLoad(TOPIC, nodes);
  const { history } = load;
  load.start();
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
  t.same(await load.end(postgres.url), []);
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
