// Goal: who looks at a node sees its figures each second, its last hour at once, and what happens as it
// happens; by the scopes of the key, bounded however much happens, found out once for all who look.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { EventStream } from '../support/clients/event-stream.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { ADMIN_KEY, startKeyedNode, TENANT_KEY } from '../support/nodes/keyed-node.js';

type Told = Record<string, unknown>;
const JSON_TYPE = { 'content-type': 'application/json' };

function happenings(stream: EventStream, kind: string): Told[] {
  return stream.of('happened').flatMap(({ data }) => (data['kind'] === kind ? [data] : []));
}

function points(stream: EventStream): Told[] {
  return stream.of('figures').map(({ data }) => (data['point'] ?? {}) as Told);
}

t.test('a page sees figures, history and what happens', async (t) => {
  const node = await startNode({ WORKERS: '2', ACCEPTORS: '2' });
  t.teardown(() => node.kill9());
  const ask = (method: string, target: string, body?: object) =>
    request(`${node.url}${target}`, {
      ...(body === undefined ? {} : { headers: JSON_TYPE, body: JSON.stringify(body) }),
      method,
    });
  const stream = await EventStream.open(`${node.url}/api/stream?client=page&version=2`);
  t.teardown(() => stream.close());
  t.equal(stream.response.headers['content-type'], 'text/event-stream');
  await eventually(() => stream.of('figures').length > 0);
  t.match(stream.events[0], {
    event: 'hello',
    data: { version: /^\d/, page: /^\/assets\/.+\.js$/ },
  });
  t.equal(stream.events[1]?.event, 'history');

  await ask('POST', '/api/topics', { name: 'seen' });
  const session = await Subscriber.open(node.wsUrl, 'json');
  await session.subscribe('seen', { subscription: 's', ack_wait_ms: 60_000, max_in_flight: 20 });
  for (let n = 0; n < 20; n++) await ask('POST', '/api/publish', { topic: 'seen', payload: n });
  await eventually(() => session.messages.length === 20);
  session.send({ type: 'reject', topic: 'seen', sequence: 1, reason: 'no' });
  for (let n = 2; n <= 20; n++) session.send({ type: 'ack', topic: 'seen', sequence: n });
  await eventually(() => happenings(stream, 'dead_letter').length > 0);
  t.match(happenings(stream, 'topic.created'), [{ topic: 'seen', count: 1 }]);
  t.match(happenings(stream, 'dead_letter'), [{ topic: 'seen', name: 's', count: 1 }]);
  await eventually(() => points(stream).some((one) => Number(one['published_per_s']) > 0));
  await eventually(() => points(stream).at(-1)?.['sessions'] === 2);
  const statsNow = (): Told => stream.of('figures').at(-1)?.data['stats'] as Told;
  // Totals of the log may be some seconds old.
  await eventually(() => statsNow()['active_topics'] === 1);
  t.match(statsNow(), { sessions: 2, streams: 1 });
  const counted = (name: string): number => Number(points(stream).at(-1)?.[name]);
  await eventually(() => counted('delivery_p99_ms') > 0 && counted('publish_p50_ms') > 0);
  t.ok(counted('publish_p99_ms') >= counted('publish_p50_ms'));
  await eventually(() => points(stream).some((one) => Number(one['delivered_per_s']) > 0));
  for (let n = 0; n < 3; n++) await ask('POST', '/api/publish', { topic: 'seen', payload: n });
  await eventually(() => statsNow()['in_flight'] === 3 && counted('in_flight') === 3);
  await eventually(() => Number(statsNow()['oldest_unacked_ms']) > 1_000);
  t.equal(statsNow()['dead_letters'], 1);
  for (let n = 21; n <= 23; n++) session.send({ type: 'ack', topic: 'seen', sequence: n });
  await eventually(() => statsNow()['in_flight'] === 0 && counted('oldest_unacked_ms') === 0);
  t.equal(statsNow()['oldest_unacked_ms'], null);
  const { sessions } = (await ask('GET', '/api/sessions')).body as { sessions: Told[] };
  t.same(sessions.map(({ client }) => client ?? '').sort(), ['', 'page']);
  const condition = (): Told => stream.of('condition').at(-1)?.data ?? {};
  t.match(condition(), {
    health: { status: 'ok', node: /./ },
    nodes: [{ this: true, state: 'live' }],
  });
  t.same(condition()['concerns'], []);
  await ask('POST', '/api/subscriptions/seen/s/pause');
  const concern = { topic: 'seen', name: 's', why: 'paused', lag: 0 };
  await eventually(() => (condition()['concerns'] as Told[]).length === 1);
  t.match(condition()['concerns'], [concern]);
  await ask('POST', '/api/subscriptions/seen/s/resume');
  await eventually(() => (condition()['concerns'] as Told[]).length === 0);
  session.close();
  await eventually(() => happenings(stream, 'session.closed').length > 0);
  await ask('DELETE', '/api/topics/seen');
  await eventually(() => happenings(stream, 'topic.deleted').length === 1);

  const again = await EventStream.open(`${node.url}/api/stream`);
  t.teardown(() => again.close());
  await eventually(() => again.of('figures').length > 0);
  const history = again.of('history')[0]?.data as Record<string, number[]>;
  t.ok(
    (history['published_per_s'] ?? []).some((rate) => rate > 0),
    'the past is there at once',
  );
  t.equal(history['at_ms']?.length, history['sessions']?.length);
  t.match(happenings(again, 'topic.deleted'), [{ topic: 'seen' }], 'and what happened');

  const many = Array.from({ length: 60 }, (_, n) => ({ name: `many.${n}` }));
  await Promise.all(many.map((one) => ask('POST', '/api/topics', one)));
  const made = (): number =>
    happenings(stream, 'topic.created').reduce((sum, { count }) => sum + Number(count), 0);
  await eventually(() => made() === 61);
});

t.test('many who come at once are told once each, and then once a second', async (t) => {
  const node = await startNode({ WORKERS: '2' });
  t.teardown(() => node.kill9());
  const urls = Array.from({ length: 20 }, () => `${node.url}/api/stream`);
  const all = await Promise.all(urls.map((url) => EventStream.open(url)));
  t.teardown(() => {
    for (const one of all) one.close();
  });
  const seconds = (stream: EventStream): number =>
    new Set(points(stream).map(({ at_ms: at }) => at)).size;
  await eventually(() => all.every((stream) => seconds(stream) >= 4));
  for (const stream of all) {
    const count = points(stream).length;
    t.ok(count <= 2 * seconds(stream), `${count} figures in ${seconds(stream)} seconds`);
  }
});

t.test('each sees what its key is for', async (t) => {
  const node = await startKeyedNode();
  t.teardown(() => node.kill9());
  const other = await node.makeTenantKey('other');
  const some = await node.makeKey({ scopes: ['subscribe'], topics: ['own.*'] });
  const reader = await node.makeKey({ scopes: ['subscribe'] });
  const open = (key: string): Promise<EventStream> =>
    EventStream.open(`${node.url}/api/stream`, '', key);
  for (const [key, status] of [
    ['', 401],
    [some.key, 403],
  ] as const) {
    t.equal((await open(key)).status, status);
  }
  const keys = [ADMIN_KEY, TENANT_KEY, reader.key, other.key];
  const streams = await Promise.all(keys.map(open));
  type Four = [EventStream, EventStream, EventStream, EventStream];
  const [operator, tenant, read, beside] = streams as Four;
  for (const stream of streams) t.teardown(() => stream.close());
  await node.ask('POST /api/topics', TENANT_KEY, { name: 'theirs' });
  await node.ask('POST /api/topics', other.key, { name: 'hidden' });
  await eventually(() => happenings(beside, 'topic.created').length === 1);
  await eventually(() => happenings(tenant, 'topic.created').length === 1);
  t.match(happenings(beside, 'topic.created'), [{ topic: 'hidden' }]);
  t.match(happenings(read, 'topic.created'), [{ topic: 'theirs' }]);
  t.same(happenings(operator, 'topic.created'), [], 'an operator without subscribe reads no names');
  t.same(happenings(read, 'session.opened'), [], 'who is connected is for who manages');
  await eventually(() => happenings(operator, 'session.opened').length >= 3);
  t.notMatch(JSON.stringify(happenings(tenant, 'topic.created')), 'hidden');
  for (const stream of streams) await eventually(() => stream.of('figures').length > 0);
  const ofOperator = operator.of('figures')[0]?.data['stats'] as Told;
  const ofTenant = tenant.of('figures')[0]?.data['stats'] as Told;
  t.ok('sessions' in ofOperator);
  t.notOk('sessions' in ofTenant, 'what is of all tenants is for the operator');
  t.ok('delivery_p99_ms' in (points(operator)[0] ?? {}));
  for (const stream of streams) await eventually(() => stream.of('condition').length > 0);
  const told = (stream: EventStream): string[] =>
    Object.keys(stream.of('condition')[0]?.data ?? {}).sort();
  t.same(told(operator), ['health', 'nodes'], 'an operator without subscribe reads no names');
  for (const stream of [tenant, read, beside]) t.same(told(stream), ['concerns', 'health']);
  t.notMatch(JSON.stringify(tenant.events), 'p99_ms', 'and so is what all of them wait');

  await node.ask(`DELETE /api/keys/${reader.id}`, ADMIN_KEY);
  await eventually(() => read.ended === 'whole');
  t.equal(read.events.at(-1)?.event, 'disconnect');
});
