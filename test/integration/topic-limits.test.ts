// Goal: how many topics a tenant, and durable subscriptions a topic, may have holds over all workers and
// nodes, to one; and what is shown of a message is a page, however many there are.
import t from 'tap';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';

const TOPICS_MAX = 30;
const headers = { 'content-type': 'application/json' };
const postgres = await startPostgres();
t.teardown(() => postgres.stop());

function post(node: TestNode, path: string, body: unknown): Promise<Answer> {
  const text = JSON.stringify(body);
  return request(`${node.url}${path}`, { method: 'POST', headers, body: text });
}

const LIMITS = {
  WORKERS: '3',
  TOPICS_PER_TENANT_MAX: String(TOPICS_MAX),
  DURABLES_PER_TOPIC_MAX: '5',
};
const shared = { ...LIMITS, DATABASE_URL: postgres.url };
const CASES = { 'in memory': [LIMITS], 'two nodes, one database': [shared, shared] };

// All of them before the first test: tap ends when no test is left, whatever is being started.
const cases: { name: string; nodes: TestNode[] }[] = [];
for (const [name, environments] of Object.entries(CASES)) {
  const nodes: TestNode[] = [];
  for (const env of environments) {
    const node = await startNode({ ...env, NODE_ID: `n${nodes.length}` });
    t.teardown(() => node.kill9());
    nodes.push(node);
  }
  cases.push({ name, nodes });
}

for (const { name, nodes } of cases) {
  const nodeOf = (n: number): TestNode => nodes[n % nodes.length] as TestNode;

  t.test(`${name}: topics`, async (t) => {
    const answers = await Promise.all(
      Array.from({ length: 3 * TOPICS_MAX }, (_, n) =>
        post(nodeOf(n), '/api/topics', { name: `t${n}` }),
      ),
    );
    const made = answers.filter(({ status }) => status === 201);
    t.equal(made.length, TOPICS_MAX);
    for (const answer of answers) {
      if (answer.status === 201) continue;
      t.match(answer, { status: 429, body: { code: 'topic_limit' } });
      t.match(answer.body['detail'], /TOPICS_PER_TENANT_MAX/);
    }
    const gone = String(made[0]?.body['name']);
    await request(`${nodeOf(0).url}/api/topics/${gone}`, { method: 'DELETE' });
    const again = await Promise.all(
      Array.from({ length: 6 }, (_, n) => post(nodeOf(n), '/api/topics', { name: `u${n}` })),
    );
    t.equal(again.filter(({ status }) => status === 201).length, 1);
    await request(`${nodeOf(0).url}/api/topics/${made[1]?.body['name']}`, { method: 'DELETE' });
  });

  t.test(`${name}: durable subscriptions, and the trace of a message`, async (t) => {
    const session = await Subscriber.open(nodeOf(0).wsUrl, 'json');
    t.match(await session.subscribe('d', { subscription: 's0' }), { type: 'subscribed' });
    for (const n of [1, 2, 3, 4]) await session.subscribe('d', { subscription: `s${n}` });
    const refused = await session.subscribe('d', { subscription: 's5' });
    t.match(refused, { type: 'error', code: 'subscription_limit' });
    t.match(refused['message'], /DURABLES_PER_TOPIC_MAX/);
    const other = await Subscriber.open(nodeOf(0).wsUrl, 'json');
    t.match(await other.subscribe('d', { subscription: 's4' }), { type: 'subscribed' });
    t.match(await other.subscribe('d'), { type: 'subscribed' }, 'one without a name counts not');
    const { message_id } = (await post(nodeOf(0), '/api/publish', { topic: 'd', payload: 1 })).body;
    const seen: unknown[] = [];
    const pages: number[] = [];
    for (let after: unknown = ''; after !== undefined; ) {
      const url = `${nodeOf(0).url}/api/messages/${message_id}?limit=2&after=${after}`;
      const { status, body } = await request(url, {});
      t.equal(status, 200);
      const deliveries = body['deliveries'] as { subscription: string; state: string }[];
      pages.push(deliveries.length);
      seen.push(...deliveries.map(({ subscription, state }) => `${subscription} ${state}`));
      after = body['next'];
    }
    t.same(pages, [2, 2, 1]);
    t.same(
      seen,
      [0, 1, 2, 3, 4].map((n) => `s${n} in_flight`),
    );
    const url = `${nodeOf(0).url}/api/messages/${message_id}`;
    t.equal((await request(url, {})).body['next'], undefined);
    for (const query of ['limit=0', 'limit=x', 'nonsense=1']) {
      t.equal((await request(`${url}?${query}`, {})).status, 400, query);
    }
    for (const one of [session, other]) one.close();
  });
}
