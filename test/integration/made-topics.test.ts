// Goal: a subscribe makes its topic only where AUTO_CREATE_TOPICS, or the key of whoever subscribes, lets it;
// and one session makes no more of them in a minute than TOPICS_MADE_PER_MINUTE_MAX, whatever it ends.
import t from 'tap';
import { startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { startKeyedNode } from '../support/nodes/keyed-node.js';

const MADE_MAX = 5;
const JSON_TYPE = { 'content-type': 'application/json' };

t.test('a session that makes too many topics is told when it may go on', async (t) => {
  const env = { WORKERS: '1', TOPICS_MADE_PER_MINUTE_MAX: String(MADE_MAX) };
  const node = await startNode(env);
  t.teardown(() => node.kill9());
  const session = await Subscriber.open(node.wsUrl, 'json');
  for (let n = 0; n < MADE_MAX; n++) {
    t.match(await session.subscribe(`a.${n}`), { type: 'subscribed' });
    // What has nothing left is forgotten, but for this.
    session.send({ type: 'unsubscribe', topic: `a.${n}`, ref: `end ${n}` });
    await session.waitFor(({ ref }) => ref === `end ${n}`);
  }
  const refused = await session.subscribe('a.more');
  t.match(refused, { type: 'error', code: 'topic_rate', message: /TOPICS_MADE_PER_MINUTE_MAX/ });
  t.equal((await request(`${node.url}/api/topics/a.more`, {})).status, 404, 'it was not made');
  t.match(await session.subscribe('a.0'), { type: 'subscribed' }, 'what is there needs no making');
  const other = await Subscriber.open(node.wsUrl, 'json');
  t.match(await other.subscribe('b.0'), { type: 'subscribed' }, 'of another session');
  const body = '{"name":"a.more"}';
  const url = `${node.url}/api/topics`;
  t.equal((await request(url, { method: 'POST', headers: JSON_TYPE, body })).status, 201);
  t.match(await session.subscribe('a.more'), { type: 'subscribed' });
  for (const one of [session, other]) one.close();
});

t.test('of several workers each gives a part, which are no more together', async (t) => {
  const node = await startNode({ WORKERS: '2', TOPICS_MADE_PER_MINUTE_MAX: '6' });
  t.teardown(() => node.kill9());
  const session = await Subscriber.open(node.wsUrl, 'json');
  let made = 0;
  for (let n = 0; n < 40; n++) {
    const answer = await session.subscribe(`a.${n}`);
    if (answer['type'] === 'subscribed') made++;
    else t.match(answer, { type: 'error', code: 'topic_rate' });
  }
  // A minute gives six more, and this takes less.
  t.ok(made >= 6 && made <= 8, `${made} were made`);
  session.close();
});

t.test('what subscribes make counts against the topics of the tenant', async (t) => {
  const node = await startNode({ WORKERS: '2', TOPICS_PER_TENANT_MAX: '2' });
  t.teardown(() => node.kill9());
  const session = await Subscriber.open(node.wsUrl, 'json');
  for (const topic of ['a', 'b']) {
    t.match(await session.subscribe(topic), { type: 'subscribed' });
  }
  const refused = await session.subscribe('c');
  t.match(refused, { type: 'error', code: 'topic_limit', message: /TOPICS_PER_TENANT_MAX/ });
  session.close();
});

t.test('without AUTO_CREATE_TOPICS subscribes make none', async (t) => {
  const node = await startNode({ WORKERS: '1', AUTO_CREATE_TOPICS: 'false' });
  t.teardown(() => node.kill9());
  const session = await Subscriber.open(node.wsUrl, 'json');
  const refused = { type: 'error', code: 'topic_not_found', message: 'topic not found' };
  t.match(await session.subscribe('none'), refused);
  t.match(await session.subscribe('none', { subscription: 's' }), refused);
  t.equal((await request(`${node.url}/api/topics/none`, {})).status, 404);
  session.close();
});

t.test('but for a key that may make topics anyway', async (t) => {
  const node = await startKeyedNode({ WORKERS: '1', AUTO_CREATE_TOPICS: 'false' });
  t.teardown(() => node.kill9());
  const outcomes = { subscribe: 'error', manage: 'subscribed' };
  for (const [scope, type] of Object.entries(outcomes)) {
    const { key } = await node.makeKey({ scopes: [...new Set(['subscribe', scope])] });
    const session = await Subscriber.open(node.wsUrl, 'json', key);
    t.match(await session.subscribe(`of.${scope}`), { type }, scope);
    session.close();
  }
});
