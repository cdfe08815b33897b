// Goal: what is published under keys that are known is compared with their first messages by a few statements
// for a whole batch, and without reading what cannot be the same.
import pg from 'pg';
import t from 'tap';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import { claimKeys, DedupeResult } from '../../../../../src/log/postgres/append/dedupe.js';
import { migrate } from '../../../../../src/log/postgres/upkeep/migrations.js';
import { newTopic, put, text } from '../../../../contract/message-log.js';
import { TestAppend } from '../../../../contract/recording-sink.js';
import { openPostgresLog } from '../../../../support/log/postgres-log.js';

const KEYS = 250;
const LARGE_BYTES = 20_000;

const server = await startPostgres();
await migrate(server.url);
const open = await openPostgresLog(server.url, 'dedupe');
const client = new pg.Client({ connectionString: server.url });
await client.connect();
t.teardown(async () => {
  await Promise.all([client.end(), open.log.close()]);
  await server.stop();
});

/** Bytes that the server sent so far. */
function heard(): number {
  const inside = client as unknown as { connection: { stream: { bytesRead: number } } };
  return inside.connection.stream.bytesRead;
}

t.test('a batch whose keys are all known', async (t) => {
  const topic = await newTopic(open.log);
  const batchOf = (body: (n: number) => string): TestAppend[] =>
    Array.from(
      { length: KEYS },
      (_, n) => new TestAppend(topic.id, { payload: text(body(n)), dedupeKey: `k${n}` }),
    );
  const isSmall = (n: number): boolean => n % 50 === 0;
  await put(open, ...batchOf((n) => (isSmall(n) ? `{"n":${n}}` : `"${'x'.repeat(LARGE_BYTES)}"`)));
  const batch = batchOf((n) => (isSmall(n) ? `{ "n": ${n} }` : '1'));

  let statements = 0;
  const { query } = client;
  client.query = ((...args: Parameters<typeof query>) => {
    statements++;
    return query.apply(client, args);
  }) as typeof query;
  const before = heard();
  const result = new DedupeResult<TestAppend>();
  const left = await claimKeys(client, new Map([[topic.id, batch]]), result);
  t.same(left.get(topic.id), []);
  t.same(
    result.known.map(({ append, first }) => [append.publication.dedupeKey, first.sequence]),
    [0, 50, 100, 150, 200].map((n) => [`k${n}`, n + 1]),
  );
  t.equal(result.mismatched.length, KEYS - 5);
  t.ok(statements <= 5, `${statements} statements`);
  const bytes = heard() - before;
  t.ok(bytes < 20 * LARGE_BYTES, `${bytes} bytes were read`);
});
