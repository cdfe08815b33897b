// Goal: a log that was restored is another incarnation: whoever comes with a position of the one before is
// told so, and is given all that follows what both have, as it is now. An operator can say so, too.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { OUTBOX_CHANNEL } from '../../src/log/postgres/store/outbox-store.js';
import { request } from '../support/clients/publisher.js';
import type { Frame } from '../support/clients/subscriber.js';
import {
  came,
  from,
  publishUpTo,
  runsOf,
  subscribe,
  TOPIC,
} from '../support/log/restored-topic.js';
import { dumpSchema, RestoredDatabase, restoreSchema } from '../support/servers/restore.js';

const server = await startPostgres();
t.teardown(() => server.stop());

t.test('a dump restored into a new database, while no node runs', async (t) => {
  const database = await RestoredDatabase.make(server.url);
  t.teardown(() => database.close());
  const start = (): Promise<TestNode> => startNode({ DATABASE_URL: database.url, WORKERS: '1' });
  let node = await start();
  const first = await subscribe(node, { subscription: 'durable' });
  await publishUpTo(node, 30, 'common');
  await came(t, first.session, ['common(1..30)']);
  first.session.close();
  t.equal(await node.stop(), 0);
  await database.dump();
  node = await start();
  const second = await subscribe(node, { subscription: 'durable' });
  const epoch = await publishUpTo(node, 60, 'lost');
  t.equal(epoch, first.answer['epoch'], 'a restart of the node alone changes nothing');
  await came(t, second.session, ['lost(31..60)']);
  second.session.close();
  t.equal(await node.stop(), 0);
  await database.restore();
  node = await start();
  t.teardown(() => node.kill9());
  const now = await publishUpTo(node, 70, 'new');
  t.not(now, epoch);

  const cases: [sequence: number, gap: object, runs: string[]][] = [
    [61, { from: 31, to: 60 }, ['new(31..70)']],
    [71, { from: 31, to: 70 }, ['new(31..70)']],
    [46, { from: 31, to: 45 }, ['new(31..70)']],
    [31, { from: 31, to: 30 }, ['new(31..70)']],
    [26, { from: 26, to: 25 }, ['common(26..30)', 'new(31..70)']],
  ];
  for (const [sequence, gap, runs] of cases) {
    const { session, answer } = await subscribe(node, from(sequence, epoch));
    t.match(answer, { epoch: now, recovered: false, gap: { ...gap, reason: 'failover' } });
    await came(t, session, runs);
    session.close();
  }
  const unknown = await subscribe(node, from(61, `${epoch.slice(0, 2)}0123456789`));
  t.match(unknown.answer, { recovered: false, gap: { from: 1, to: 60, reason: 'failover' } });
  const same = await subscribe(node, from(61, now));
  t.match(same.answer, { epoch: now, recovered: true });
  t.notOk(same.answer['gap']);
  await came(t, same.session, ['new(61..70)']);
  const durable = await subscribe(node, { subscription: 'durable' });
  await came(t, durable.session, ['new(31..70)']);
  for (const one of [unknown, same, durable]) one.session.close();
});

t.test('a schema restored beneath a node, and an epoch that is bumped', async (t) => {
  const node = await startNode({ DATABASE_URL: server.url, WORKERS: '1' });
  t.teardown(() => node.kill9());
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  t.teardown(() => client.end());
  const live = await subscribe(node, {});
  const durable = await subscribe(node, { subscription: 'durable' });
  await publishUpTo(node, 30, 'common');
  await came(t, durable.session, ['common(1..30)']);
  const floorIs = (floor: number) => async (): Promise<boolean> => {
    const sql = 'SELECT FROM conduit.cursors WHERE ack_floor = $1';
    return (await client.query(sql, [floor])).rowCount === 1;
  };
  await eventually(floorIs(30));
  // A node looks once a second; what came since its last look is not vouched for after a restore.
  await eventually(async () => {
    const sql = `SELECT FROM conduit.messages HAVING max(published_at) < clock_timestamp() - interval '2 s'`;
    return (await client.query(sql)).rowCount === 1;
  });
  for (let n = 0; n < 3; n++) {
    const late = { topic: TOPIC, payload: 'late', delay_ms: 3_600_000 };
    const answer = await request(`${node.url}/api/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(late),
    });
    t.equal(answer.status, 202);
  }
  await dumpSchema(client);
  await client.query(`UPDATE dumped.outbox SET due_at = clock_timestamp()`);
  await client.query('DELETE FROM conduit.outbox');
  const epoch = await publishUpTo(node, 60, 'lost');
  await came(t, durable.session, ['common(1..30)', 'lost(31..60)']);
  await eventually(floorIs(60));
  await restoreSchema(client);
  // The node has not noticed yet, neither its release: what was due in the dump is of the new log, too.
  await client.query(`NOTIFY ${OUTBOX_CHANNEL}`);
  await eventually(async () => (await client.query('SELECT FROM conduit.outbox')).rowCount === 0);
  await publishUpTo(node, 70, 'new');
  const told = (frame: Frame): boolean => frame.type === 'subscribed' && frame['epoch'] !== epoch;
  for (const { session } of [live, durable]) {
    const { gap, recovered } = await session.waitFor(told);
    t.match({ gap, recovered }, { gap: { from: 31, reason: 'failover' }, recovered: false });
    await eventually(() => runsOf(session).at(-1) === 'new(34..70)').catch(() => undefined);
    t.same(runsOf(session).slice(-2), ['late(31..33)', 'new(34..70)']);
  }
  for (let sequence = 31; sequence <= 70; sequence++) {
    durable.session.send({ type: 'ack', topic: TOPIC, sequence });
  }
  await eventually(floorIs(70));

  const before = await publishUpTo(node, 71, 'new');
  const bumped = live.session.control.length;
  await client.query('SELECT conduit.bump_epoch()');
  await eventually(() => live.session.control.length > bumped);
  const { epoch: bump, ...same }: Partial<Frame> = live.session.control.at(-1) ?? {};
  t.not(bump, before);
  t.same(same, { type: 'subscribed', topic: TOPIC, sequence: 71, recovered: true }, 'and no gap');
  const resumed = await subscribe(node, from(72, before));
  t.match(resumed.answer, { recovered: false, gap: { from: 72, to: 71, reason: 'failover' } });
  const after = await publishUpTo(node, 72, 'bumped');
  t.not(after, before);
  await came(t, resumed.session, ['bumped(72..72)']);

  // With the time of what was restored: what was published after it is not what it was.
  const sql = `SELECT published_at AS at FROM conduit.messages WHERE sequence = 70`;
  await client.query(`SELECT conduit.bump_epoch((${sql}))`);
  const rewound = await subscribe(node, from(73, after));
  await eventually(async () => (await publishUpTo(node, 73, 'again')) !== after);
  t.equal(rewound.answer.type, 'subscribed');
  await eventually(() => rewound.session.messages.some(({ sequence }) => sequence === 70));
  for (const one of [live, durable, resumed, rewound]) one.session.close();
  t.equal(await node.stop(), 0);
});
