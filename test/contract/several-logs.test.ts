// Goal: several databases as one log keep the contracts of the message log and of the subscription store;
// where a topic is made it stays, and what is asked of many comes in one order, page by page.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { HashRing } from '../../src/core/hash-ring.js';
import type { Limits } from '../../src/core/limits.js';
import type { TopicKey } from '../../src/core/topic-key.js';
import { grantRole } from '../../src/supervisor/role-grant.js';
import {
  joinAll,
  namesAt,
  openSeveralLogs,
  startTwoDatabases,
} from '../support/servers/two-databases.js';
import { addOther, keyOf, OTHER, TENANT } from '../support/tenants/tenants.js';
import { put, suite, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';
import {
  failure,
  filterOf,
  givenUp,
  type OpenStore,
  saveOf,
  storeSuite,
  taken,
} from './subscription-store.js';

const databases = await startTwoDatabases(t);
await joinAll(databases.urls);
await addOther(databases.urls[0]);
let opened = 0;

async function open(limits: Partial<Limits> = {}): Promise<OpenStore> {
  const { log, sink } = await openSeveralLogs(databases.urls, `several-${++opened}`, limits);
  const inBoth = async <R>(sql: string, values: unknown[]): Promise<R[]> => [
    ...(await databases.query<R>(0, sql, values)),
    ...(await databases.query<R>(1, sql, values)),
  ];
  const countOf = async (table: string, where: string, id: number): Promise<number> => {
    const sql = `SELECT count(*)::int AS n FROM conduit.${table} WHERE ${where} = $1`;
    return (await inBoth<{ n: number }>(sql, [id])).reduce((sum, { n }) => sum + n, 0);
  };
  return {
    ...{ log, sink, store: log.subscriptions },
    forget: async (topic, sequence) => {
      const values = [topic.id, sequence + 1];
      await inBoth('UPDATE conduit.topics SET first_sequence = $2 WHERE id = $1', values);
      await inBoth('DELETE FROM conduit.messages WHERE topic_id = $1 AND sequence < $2', values);
    },
    rowsOf: async (id) => [
      await countOf('subscriptions', 'id', id),
      await countOf('cursors', 'subscription_id', id),
      await countOf('deliveries', 'subscription_id', id),
      await countOf('dead_letters', 'subscription_id', id),
    ],
  };
}

t.test('the contract of the message log', async (t) => suite(t, open));

t.test('the contract of the subscription store', (t) => storeSuite(t, open));

const some = (place: 0 | 1, count: number): string[] =>
  namesAt(place, `placed.${place}.${opened}`, count);

t.test('a topic is in one database, by the ring; the first knows of all', async (t) => {
  const { log } = await open();
  t.teardown(() => log.close());
  const [near = '', far = ''] = [...some(0, 1), ...some(1, 1)];
  const here = (await log.createTopic(keyOf(near), null)).topic;
  const there = (await log.createTopic(keyOf(far), { hours: 5, messages: 6, bytes: 7 })).topic;
  t.same([log.placeOf(here.id), log.placeOf(there.id)], [0, 1]);
  t.same(there.retention, { hours: 5, messages: 6, bytes: 7 });
  t.not('place' in there, true, 'which is nobody’s business above');
  const rows = (place: number): Promise<{ name: string; place: number }[]> =>
    databases.query(place, 'SELECT name, place FROM conduit.topics WHERE name = ANY($1)', [
      [near, far],
    ]);
  t.same(
    (await rows(0)).sort((a, b) => a.place - b.place),
    [
      { name: near, place: 0 },
      { name: far, place: 1 },
    ],
  );
  t.same(await rows(1), [{ name: far, place: 0 }]);
  const again = await log.createTopic(keyOf(far), null);
  t.same([again.created, again.topic.id], [false, there.id]);
});

t.test('a topic that was deleted half way is made anew', async (t) => {
  const { log } = await open();
  t.teardown(() => log.close());
  const [name = ''] = some(1, 1);
  const { topic } = await log.createTopic(keyOf(name), null);
  await databases.query(1, 'UPDATE conduit.topics SET deleted_at = now() WHERE id = $1', [
    topic.id,
  ]);
  t.equal(await log.findTopic(keyOf(name)), null);
  const made = await log.createTopic(keyOf(name), null);
  t.equal(made.created, true);
  t.not(made.topic.id, topic.id);
  t.equal((await log.findTopic(keyOf(name)))?.id, made.topic.id);
});

t.test('what a node left that ended while it made a topic is in nobody’s way', async (t) => {
  const both = await open();
  const { log } = both;
  t.teardown(() => log.close());
  const [name = ''] = some(1, 1);
  await databases.query(
    1,
    'INSERT INTO conduit.topics (id, tenant_id, name) VALUES (900000001, 1, $1)',
    [name],
  );
  const { topic, created } = await log.createTopic(keyOf(name), null);
  t.equal(created, true);
  t.not(topic.id, 900000001);
  await put(both, new TestAppend(topic.id, { payload: text('{}') }));
  t.equal((await log.heads([topic.id])).get(topic.id)?.lastSequence, 1);
});

t.test('dead letters, subscriptions and topics of both, page by page', async (t) => {
  const both = await open();
  const { log, store } = both;
  t.teardown(() => log.close());
  const names = [...some(0, 2), ...some(1, 2)];
  const ids: number[] = [];
  for (const name of names) {
    const { topic } = await log.createTopic(keyOf(name), null);
    await put(both, ...[1, 2, 3].map(() => new TestAppend(topic.id, { payload: text('{}') })));
    const held = await taken(both, topic, 'paged');
    await store.save([
      saveOf(held, { deadLetters: [1, 2, 3].map((n) => givenUp(n)), failures: [failure(1)] }),
    ]);
    ids.push(held.id);
  }
  t.equal(new Set(ids).size, ids.length, 'no id is given in both');
  const letters: number[] = [];
  for (let after = 0; ; ) {
    const page = { after, limit: 5, bytesMax: 1e9 };
    const some = await store.listDeadLetters(filterOf(null), page);
    letters.push(...some.filter(({ topic }) => names.includes(topic)).map(({ id }) => id));
    if (some.length < 5) break;
    after = some.at(-1)?.id ?? 0;
  }
  t.equal(letters.length, 12);
  t.same(
    letters,
    [...letters].sort((a, b) => a - b),
  );
  const listed: string[] = [];
  for (let after: { topic: string; name: string } | null = null; ; ) {
    const some: { topic: string; name: string }[] = await store.list(TENANT, { after, limit: 3 });
    listed.push(...some.filter(({ name }) => name === 'paged').map(({ topic }) => topic));
    if (some.length < 3) break;
    const { topic = '', name = '' } = some.at(-1) ?? {};
    after = { topic, name };
  }
  t.same(
    listed.filter((name) => names.includes(name)),
    [...names].sort(),
  );
  const topics = await log.listTopics(TENANT, { after: '', prefix: 'placed.', limit: 1_000 });
  const mine = topics.filter(({ key }) => names.some((name) => key === keyOf(name)));
  t.same(
    mine.map(({ lastSequence }) => lastSequence),
    [3, 3, 3, 3],
  );
  t.equal((await log.totals(TENANT)).topics, topics.length + (await others(log)));
});

async function others(log: OpenStore['log']): Promise<number> {
  const all = await log.listTopics(TENANT, { after: '', prefix: '', limit: 10_000 });
  return all.filter(({ key }) => !key.includes('placed.')).length;
}

t.test('SQL publishes to topics of the database that it is asked in', async (t) => {
  const { log } = await open();
  t.teardown(() => log.close());
  const [near = '', far = ''] = [...some(0, 1), ...some(1, 1)];
  for (const name of [near, far]) await log.createTopic(keyOf(name), null);
  const publish = (place: number, topic: string): Promise<object[]> =>
    databases.query(place, "SELECT conduit.publish($1, '{}'::json)", [topic]);
  await t.rejects(publish(0, far), {
    message: `conduit.publish: topic ${far} is in database 2 of DATABASE_URL, not in this one`,
    code: 'P0002',
  });
  await t.rejects(publish(1, near), {
    message: `conduit.publish: topic not found: ${near}`,
    hint: 'It may be in another database of DATABASE_URL.',
    code: 'P0002',
  });
  await publish(0, near);
  await publish(1, far);
  await eventually(async () => {
    const [a, b] = await Promise.all([near, far].map((name) => log.findTopic(keyOf(name))));
    return a?.lastSequence === 1 && b?.lastSequence === 1;
  });
  t.pass('each is released');
});

t.test('tenants: two have a topic of one name in the second, and stay two', async (t) => {
  const { log } = await open();
  t.teardown(() => log.close());
  const ring = new HashRing(['database-0', 'database-1']);
  const keysOf = (n: number): TopicKey[] => [keyOf(`twin.${n}`), OTHER.keyOf(`twin.${n}`)];
  const far = (key: TopicKey): boolean => ring.memberOf(key) === 'database-1';
  const [own, twin] =
    Array.from({ length: 200 }, (_, n) => keysOf(n)).find((all) => all.every(far)) ?? [];
  if (own === undefined || twin === undefined) throw new Error('the ring has no such name');
  const topics = [await log.createTopic(own, null), await log.createTopic(twin, null)];
  t.same(
    topics.map(({ topic }) => log.placeOf(topic.id)),
    [1, 1],
  );
  const found = await log.findTopics([own, twin]);
  t.same(
    [own, twin].map((key) => found.get(key)),
    topics.map(({ topic }) => topic),
    'the one is not in the way of the other',
  );
  const tenants = 'SELECT id, name FROM conduit.tenants WHERE deleted_at IS NULL ORDER BY id';
  t.same(await databases.query(1, tenants), await databases.query(0, tenants), 'under one id each');
});

t.test('tenants: a role publishes for its own in each of them', async (t) => {
  await databases.query(0, 'CREATE ROLE shop LOGIN');
  await grantRole(databases.urls, { role: 'shop', tenant: OTHER.tenant, namesTenants: false });
  for (const place of [0, 1]) {
    const sql = 'SELECT role, tenant FROM conduit.role_tenants';
    t.same(await databases.query(place, sql), [{ role: 'shop', tenant: 'other' }]);
  }
  const ids = 'SELECT id, name FROM conduit.tenants ORDER BY id';
  t.same(await databases.query(1, ids), await databases.query(0, ids));
});
