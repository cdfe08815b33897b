// Goal: a log that is restored from the same dump once more beneath its nodes knows nothing of the one
// between: what that had is not taken for what comes under the same sequences now, whether it was
// published, delivered, acknowledged or on its way.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';
import type { Frame, Subscriber } from '../support/clients/subscriber.js';
import {
  came,
  from,
  publishUpTo,
  runsOf,
  subscribe,
  TOPIC,
} from '../support/log/restored-topic.js';
import { dumpSchema, restoreSchema } from '../support/servers/restore.js';

const server = await startPostgres();
t.teardown(() => server.stop());
const client = new pg.Client({ connectionString: server.url });
await client.connect();
t.teardown(() => client.end());

async function numberOf(sql: string): Promise<number> {
  const { rows } = await client.query<{ n: string }>(`SELECT (${sql}) AS n`);
  return Number(rows[0]?.n);
}

function told(session: Subscriber, epoch: string): Promise<Frame> {
  return session.waitFor((frame) => frame.type === 'subscribed' && frame['epoch'] === epoch);
}

/** Acknowledges what it has no longer; the codes that it is told. */
async function codesOfAcks(session: Subscriber, sequences: readonly number[]): Promise<unknown[]> {
  for (const sequence of sequences) {
    session.send({ type: 'ack', topic: TOPIC, sequence, ref: `ack ${sequence}` });
  }
  return Promise.all(
    sequences.map(async (sequence) => {
      const { type, code } = await session.waitFor(({ ref }) => ref === `ack ${sequence}`);
      return code ?? type;
    }),
  );
}

t.test('a schema that is restored twice from one dump beneath a node', async (t) => {
  const node = await startNode({ DATABASE_URL: server.url, WORKERS: '1' });
  t.teardown(() => node.kill9());
  const live = await subscribe(node, { ack: 'none' });
  const durable = await subscribe(node, { subscription: 'durable' });
  await publishUpTo(node, 30, 'common');
  await came(t, durable.session, ['common(1..30)']);
  const floor = `SELECT ack_floor FROM conduit.cursors`;
  await eventually(async () => (await numberOf(floor)) === 30);
  // What was published shortly before a dump may not be in it; it is, but nobody can tell later.
  await client.query(`UPDATE conduit.messages SET published_at = published_at
    - CASE WHEN sequence <= 20 THEN interval '1 hour' ELSE interval '9 s' END`);
  await dumpSchema(client);
  const first = await publishUpTo(node, 40, 'first');
  await restoreSchema(client);
  const second = await publishUpTo(node, 60, 'second');
  t.not(second, first);
  await told(live.session, second);
  await came(t, durable.session, ['common(1..30)', 'first(31..40)', 'second(31..60)']);
  await eventually(async () => (await numberOf(floor)) === 60);
  await publishUpTo(node, 65, 'second');
  const isIn = async (): Promise<boolean> => runsOf(durable.session).at(-1) === 'second(31..65)';
  await eventually(isIn);
  const post = (path: string, body: unknown): ReturnType<typeof request> => {
    const headers = { 'content-type': 'application/json' };
    return request(`${node.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  };
  const toLater = { topic: 'later', payload: 'a message' };
  t.match(await post('/api/topics', { name: 'later' }), { status: 201 });
  t.match(await post('/api/publish', toLater), { status: 200 });
  const later = await numberOf(`SELECT id FROM conduit.topics WHERE name = 'later'`);

  await restoreSchema(client);
  // Another node has made a topic, under an id that the log gave before to one that this node knows.
  const { rows } = await client.query(`INSERT INTO conduit.topics (tenant_id, name)
    SELECT id, 'other' FROM conduit.tenants WHERE name = 'default' RETURNING id`);
  t.equal(Number(rows[0]?.id), later);
  const acked = codesOfAcks(durable.session, [61, 62, 63, 64, 65]);
  await eventually(async () => (await post('/api/publish', toLater)).status === 404);
  t.equal(await numberOf(`SELECT sequence FROM conduit.topic_heads(ARRAY[${later}::bigint])`), 0);
  const third = await publishUpTo(node, 70, 'third');
  t.not([first, second].includes(third), true, 'told as what it is from the first publish on');
  t.same(new Set(await acked), new Set(['unknown_delivery']));
  for (const { session } of [live, durable]) {
    const { gap, recovered } = await told(session, third);
    t.match({ gap, recovered }, { gap: { from: 21, reason: 'failover' }, recovered: false });
    const end = ['common(21..30)', 'third(31..70)'];
    await eventually(() => runsOf(session).slice(-2).join() === end.join()).catch(() => 0);
    t.same(runsOf(session).slice(-2), end);
  }
  t.ok((await numberOf(floor)) <= 30, 'what was acknowledged in the log between counts no more');
  const resumed = await subscribe(node, from(61, second));
  const gap = { from: 21, to: 60, reason: 'failover' };
  t.match(resumed.answer, { epoch: third, recovered: false, gap });
  for (const { session } of [live, durable, resumed]) session.close();
  t.equal(await node.stop(), 0);
});
