// Goal: what conduit.publish committed is appended exactly once and in order, with two releases at
// work on the same topics and PostgreSQL killed under them.

import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { systemClock } from '../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../src/core/limits.js';
import { OtherLog } from '../../src/log/contract/subscription-store.js';
import { readIncarnation } from '../../src/log/postgres/session/incarnation.js';
import {
  KeptConnection,
  type KeptSession,
} from '../../src/log/postgres/session/kept-connection.js';
import { openConnection } from '../../src/log/postgres/session/log-connection.js';
import { MessageStore } from '../../src/log/postgres/store/message-store.js';
import { TopicStore } from '../../src/log/postgres/store/topic-store.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { OutboxRelease } from '../../src/log/postgres/upkeep/outbox-release.js';
import { releaseBatch } from '../../src/log/postgres/upkeep/release-batch.js';
import { rangeOf } from '../contract/message-log.js';
import { keyOf } from '../support/tenants/tenants.js';

const TOPICS = 4;
const EACH = 6_000;

t.test('exactly once and in order through a kill', async (t) => {
  const server = await startPostgres();
  t.teardown(() => server.stop());
  await migrate(server.url);
  const pool = new pg.Pool({ connectionString: server.url, max: 4 });
  pool.on('error', () => undefined);
  const topics = new TopicStore({ db: pool, limits: DEFAULT_LIMITS });
  const ids: number[] = [];
  for (let n = 0; n < TOPICS; n++) {
    ids.push((await topics.create(keyOf(`kill.${n}`), null)).topic.id);
  }
  await pool.query(
    `SELECT conduit.publish('kill.' || n % $1::int, n::text::json)
     FROM generate_series(0, $1::int * $2::int - 1) n`,
    [TOPICS, EACH],
  );
  const seen = new Map<number, Map<number, string>>(ids.map((id) => [id, new Map()]));
  let releasedRows = 0;
  const trouble: unknown[] = [];
  const connections = [1, 2].map(
    () =>
      new KeptConnection<KeptSession>({
        open: async (onLost) => {
          const options = { databaseUrl: server.url, applicationName: 'conduit/t/w0/release' };
          return { client: await openConnection(options, onLost) };
        },
        reopen: 'always',
        backoff: { firstMs: 20, capMs: 500 },
        clock: systemClock,
        downAfterMs: 1_000,
        onDown: () => undefined,
        onOpen: () => undefined,
      }),
  );
  const incarnation = await readIncarnation(pool);
  const releases = connections.map(
    (connection) =>
      new OutboxRelease({
        session: async () => (await connection.ready(1_000))?.client ?? null,
        drop: () => {
          if (connection.session !== null) connection.drop(connection.session, 'trouble');
        },
        clock: systemClock,
        incarnation: () => incarnation,
        dedupeWindowMs: 1_000,
        owns: () => true,
        isHere: () => true,
        onReleased: ({ topicId, rows }) => {
          releasedRows += rows.length;
          for (const row of rows) {
            const body = Buffer.from(row.payload).toString();
            if (seen.get(topicId)?.has(row.sequence)) t.fail('a sequence is told twice');
            seen.get(topicId)?.set(row.sequence, body);
          }
        },
        onOutcomeUnknown: () => undefined,
        onDropped: () => undefined,
        onTrouble: (error) => trouble.push(error),
      }),
  );
  for (const release of releases) release.start();
  await eventually(() => releasedRows > EACH);
  await server.kill9();
  await server.start();
  await eventually(() => trouble.length > 0);
  const left = async (): Promise<number> => {
    const { rows } = await pool.query<{ left: number }>(
      'SELECT count(*)::int AS left FROM conduit.outbox',
    );
    return rows[0]?.left ?? -1;
  };
  for (let turns = 0; (await left()) > 0 && turns < 200; turns++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await Promise.all(releases.map((release) => release.stop()));
  await Promise.all(connections.map((connection) => connection.close()));
  const messages = new MessageStore(pool);
  for (const [n, id] of ids.entries()) {
    const { rows } = await messages.read(rangeOf(id, { rowsMax: 2 * EACH, bytesMax: 1e9 }));
    t.same(
      rows.map((row) => [row.sequence, Number(Buffer.from(row.payload).toString())]),
      Array.from({ length: EACH }, (_, i) => [i + 1, i * TOPICS + n]),
    );
    for (const [sequence, body] of seen.get(id) ?? []) {
      if (Number(body) !== (sequence - 1) * TOPICS + n) t.fail(`told ${sequence}: ${body}`);
    }
  }
  await pool.end();
});

t.test('nothing is moved into a log that is not the one the worker stands on', async (t) => {
  const server = await startPostgres();
  t.teardown(() => server.stop());
  await migrate(server.url);
  const client = await openConnection({
    databaseUrl: server.url,
    applicationName: 'conduit/t/w0/release',
  });
  const pool = new pg.Pool({ connectionString: server.url, max: 1 });
  t.teardown(() => Promise.all([client.end(), pool.end()]));
  const topics = new TopicStore({ db: pool, limits: DEFAULT_LIMITS });
  const { id: topicId } = (await topics.create(keyOf('fenced'), null)).topic;
  await client.query(`SELECT conduit.publish('fenced', '1'::json)`);
  const of = { topicId, dueMs: 0, dedupeWindowMs: 1_000 };
  const incarnation = await readIncarnation(client);
  const counts = async (): Promise<unknown> => {
    const { rows } = await client.query(`SELECT (SELECT count(*) FROM conduit.outbox)::int AS due,
      (SELECT count(*) FROM conduit.messages)::int AS messages,
      (SELECT max(sequence) FROM conduit.topic_heads(ARRAY(SELECT id FROM conduit.topics)))::int AS head`);
    return rows[0];
  };
  const before = await counts();
  t.same(before, { due: 1, messages: 0, head: 0 });
  const refused = releaseBatch(client, { ...of, incarnation: `${incarnation}x` });
  t.ok((await refused.catch((error: unknown) => error)) instanceof OtherLog);
  t.same(await counts(), before);
  t.equal((await releaseBatch(client, { ...of, incarnation })).rows.length, 1);
  t.same(await counts(), { due: 0, messages: 1, head: 1 });
});
