// Goal: pages read by the cold pool are those the log itself gives, whatever is in them; errors
// keep their code; a bounded number of reads is under way.

import { MessageChannel } from 'node:worker_threads';
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { startPostgres } from '../../../native-bench/rig/postgres.js';
import { ColdPool } from '../../../src/cold/cold-pool.js';
import { serveCold } from '../../../src/cold/cold-port.js';
import { systemClock } from '../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { ColdReader } from '../../../src/log/contract/cold-reader.js';
import type { LogPage, ReadRange } from '../../../src/log/contract/message-log.js';
import { OwnPages } from '../../../src/log/contract/own-pages.js';
import { packPage, unpackPage } from '../../../src/log/contract/packed-page.js';
import { MessageStore } from '../../../src/log/postgres/store/message-store.js';
import { TopicStore } from '../../../src/log/postgres/store/topic-store.js';
import { migrate } from '../../../src/log/postgres/upkeep/migrations.js';
import { rangeOf } from '../../contract/message-log.js';
import { keyOf } from '../../support/tenants/tenants.js';

const EMPTY: LogPage = { rows: [], firstSequence: 1, lastSequence: 0 };

function noFault(error: unknown): void {
  throw error;
}

t.test('a page comes out as it went in', async (t) => {
  const page: LogPage = {
    firstSequence: 2 ** 40,
    lastSequence: 2 ** 53 - 1,
    rows: [null, '', 'é\u{1F600}'].map((text, n) => ({
      sequence: 2 ** 50 + n,
      messageId: new Uint8Array(16).fill(n),
      publishedAtMs: 1_700_000_000_000 + n,
      expiresAtMs: n,
      contentType: n === 0 ? 0 : 1,
      payload: new Uint8Array(n * 1_000).fill(n),
      key: text,
      headers: text,
    })),
  };
  t.same(unpackPage(packPage(page)), page);
  t.same(unpackPage(packPage(EMPTY)), EMPTY);
});

t.test('a worker has eight reads under way, in order, and all end', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const asked: number[] = [];
  const finish: (() => void)[] = [];
  const answerLater = (range: ReadRange): Promise<ArrayBuffer> => {
    asked.push(range.fromSequence);
    return new Promise((resolve) => finish.push(() => resolve(packPage(EMPTY))));
  };
  serveCold(port1, answerLater, noFault);
  const reader = new ColdReader(port2, { own: null, clock: systemClock });
  const reads = Array.from({ length: 20 }, (_, n) => reader.read(rangeOf(1, { fromSequence: n })));
  await eventually(() => asked.length >= 8);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(asked.length, 8);
  for (let n = 0; n < 12; n++) {
    await eventually(() => finish.length > n);
    finish[n]?.();
    await reads[n];
  }
  await eventually(() => asked.length >= 20);
  t.same(
    asked,
    Array.from({ length: 20 }, (_, n) => n),
  );
  const left = Promise.allSettled(reads.slice(12));
  reader.close();
  t.ok((await left).every((read) => read.status === 'rejected'));
  await t.rejects(reader.read(rangeOf(1)), { code: 'log_unavailable' });
});

t.test('what a read died of is the cause, and not what is told', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const faults: unknown[] = [];
  const died = new Error('connect ECONNREFUSED 10.0.0.1:5432');
  serveCold(
    port1,
    () => Promise.reject(died),
    (error) => faults.push(error),
  );
  const reader = new ColdReader(port2, { own: null, clock: systemClock });
  await t.rejects(reader.read(rangeOf(1)), {
    code: 'log_unavailable',
    message: 'the log cannot be reached',
    cause: { message: 'connect ECONNREFUSED 10.0.0.1:5432' },
  });
  t.same(faults, [died], 'and the operator can be told');
  reader.close();
});

t.test('the pool reads what the log has', async (t) => {
  const server = await startPostgres();
  await migrate(server.url);
  const db = new pg.Pool({ connectionString: server.url, max: 4 });
  // The server's end may overtake that of idle connections.
  db.on('error', () => undefined);
  const options = { databaseUrl: server.url, applicationName: 'test/cold' };
  const pool = new ColdPool<ReadRange>({ task: 'read-page', ...options });
  t.teardown(async () => {
    await pool.close();
    await db.end();
    await server.stop();
  });
  const { topic } = await new TopicStore({ db, limits: DEFAULT_LIMITS }).create(keyOf('c'), null);
  await db.query(
    `INSERT INTO conduit.messages SELECT $1::bigint, n, gen_random_uuid(), now(), NULL,
     CASE WHEN n % 2 = 0 THEN 'k' END, NULL, 0, decode(repeat('00ff', n % 500 + 1), 'hex')
     FROM generate_series(1, 3000) n`,
    [topic.id],
  );
  await db.query('UPDATE conduit.topics SET base_sequence = 3000 WHERE id = $1', [topic.id]);
  const { port1, port2 } = new MessageChannel();
  serveCold(port1, (range: ReadRange) => pool.run(range), noFault);
  const reader = new ColdReader(port2, { own: null, clock: systemClock });
  const messages = new MessageStore(db);
  await Promise.all(
    Array.from({ length: 30 }, async (_, n) => {
      const range = rangeOf(topic.id, { fromSequence: n * 100, rowsMax: 50 });
      t.same(comparable(await reader.read(range)), comparable(await messages.read(range)));
    }),
  );
  await t.rejects(reader.read(rangeOf(999)), { code: 'topic_not_found' });
  await readFirstAlone(t, { pool, db, topicId: topic.id });
  const since = performance.now();
  await reader.read(rangeOf(topic.id, { fromSequence: 1_000, rowsMax: 1_000 }));
  t.comment(`1,000 rows through the cold pool: ${(performance.now() - since).toFixed(1)} ms`);
  reader.close();
});

/**
 * The first pages after a while are read by who asks, one at a time; the rest by the pool, until it may
 * sleep.
 */
async function readFirstAlone(
  t: Test,
  { pool, db, topicId }: { pool: ColdPool<ReadRange>; db: pg.Pool; topicId: number },
): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  let asked = 0;
  const run = (range: ReadRange): ReturnType<typeof pool.run> => {
    asked++;
    return pool.run(range);
  };
  serveCold(port1, run, noFault);
  const messages = new MessageStore(db);
  const own = { pages: 0, underWay: 0, most: 0 };
  const read = async (range: ReadRange): Promise<LogPage> => {
    own.pages++;
    own.most = Math.max(own.most, ++own.underWay);
    try {
      return await messages.read(range);
    } finally {
      own.underWay--;
    }
  };
  let nowMs = 0;
  const clock = { monotonic: () => nowMs };
  const reader = new ColdReader(port2, { own: new OwnPages(read, clock), clock });
  const pages = async (count: number): Promise<void> => {
    await Promise.all(
      Array.from({ length: count }, async (_, n) => {
        const range = rangeOf(topicId, { fromSequence: n * 100, rowsMax: 50 });
        t.same(comparable(await reader.read(range)), comparable(await messages.read(range)));
      }),
    );
  };
  await pages(4);
  t.same([own.pages, asked], [4, 0], 'the pool is not woken for a few');
  await pages(5);
  t.same([own.pages, asked], [4, 5], 'more is what it is for');
  nowMs += 20_000;
  await pages(2);
  t.same([own.pages, asked], [4, 7], 'it is awake');
  nowMs += 40_000;
  await t.rejects(reader.read(rangeOf(999)), { code: 'topic_not_found' });
  await pages(2);
  t.same([own.pages, asked], [7, 7], 'its thread may have ended');
  t.equal(own.most, 1);
  reader.close();
}

function comparable(page: LogPage): object {
  return page.rows.map((row) => ({
    ...row,
    payload: Buffer.from(row.payload).toString('hex'),
    messageId: Buffer.from(row.messageId).toString('hex'),
  }));
}
