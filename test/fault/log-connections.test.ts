// Goal: every kind of connection of the log comes back by itself, whatever became of it: gone silent (sockets
// open, packets swallowed), accepted and closed at once, ended as soon as it is open. Each has one try
// under way, and an end that waits for nobody.

import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { systemClock } from '../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../src/core/limits.js';
import { PageReader } from '../../src/log/postgres/page-reader.js';
import { openConnection } from '../../src/log/postgres/session/log-connection.js';
import { TOPICS_CHANNEL } from '../../src/log/postgres/store/topic-store.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { Upkeep } from '../../src/log/postgres/upkeep/upkeep.js';
import { rangeOf } from '../contract/message-log.js';
import { TestAppend } from '../contract/recording-sink.js';
import { makeTopics, openPostgresLog, type TestLog } from '../support/log/postgres-log.js';
import { startCutProxy } from '../support/servers/cut-proxy.js';
import { keyOf, TENANT } from '../support/tenants/tenants.js';

/** README: a connection that went silent is found within 14 s. */
const FOUND_MS = 14_000;
/** For what comes after: another connection, the next turn, neighbours on this machine. */
const BACK_MS = FOUND_MS + 6_000;

const server = await startPostgres();
await migrate(server.url);
const proxy = await startCutProxy(server.port);
const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`;
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  proxy.close();
  await server.stop();
});

function publish({ log }: TestLog, topicId: number): TestAppend {
  const append = new TestAppend(topicId, { payload: Buffer.from('{}') });
  log.append(append);
  log.flush();
  return append;
}

async function isStored(append: TestAppend): Promise<boolean> {
  await eventually(() => append.outcome !== null, BACK_MS);
  return append.outcome?.kind === 'committed';
}

async function sessions(name: string): Promise<number> {
  const { rows } = await admin.query('SELECT 1 FROM pg_stat_activity WHERE application_name = $1', [
    name,
  ]);
  return rows.length;
}

t.test('gone silent', async (t) => {
  const silent = await openPostgresLog(url, 'silent', {}, 'listens');
  const { log, sink } = silent;
  const [free = 0, held = 0, fed = 0] = await makeTopics(log, 'silent', 3);
  const reader = new PageReader({ databaseUrl: url, applicationName: 'conduit/silent/cold' });
  const upkeep = new Upkeep({
    connect: async () => {
      const options = { databaseUrl: url, applicationName: 'conduit/silent/w0/upkeep' };
      const client = await openConnection({ ...options, answerMs: 4_000 });
      proxy.mute(/upkeep$/);
      return client;
    },
    clock: systemClock,
    limits: { ...DEFAULT_LIMITS, retentionHours: 1 },
    db: admin,
    keepsUp: () => true,
    onSnapshot: null,
    onTrouble: () => undefined,
  });
  await reader.read(rangeOf(free));
  await eventually(async () => (await sessions('conduit/silent/w0/listen')) === 1);
  const holder = new pg.Client({ connectionString: server.url });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM conduit.topics WHERE id = $1 FOR UPDATE', [held]);
  const waiting = publish(silent, held);
  await eventually(async () => (await sessions('conduit/silent/w0/wait')) === 1);
  const muted = ['append', 'wait', 'listen', 'release', 'query', 'cold'].map((purpose) =>
    Math.min(1, proxy.mute(new RegExp(`^conduit/silent/(w0/)?${purpose}$`))),
  );
  t.same(muted, [1, 1, 1, 1, 1, 1], 'each kind was there');
  await holder.end();
  await admin.query(`SELECT conduit.publish('silent.2', '{}')`);
  await admin.query(`NOTIFY ${TOPICS_CHANNEL}`);
  const calls = sink.headsMovedCalls;
  const found: Record<string, () => Promise<unknown>> = {
    append: () => eventually(() => isStored(publish(silent, free)), BACK_MS),
    wait: () => eventually(() => waiting.outcome !== null, BACK_MS),
    release: () => eventually(() => sink.releases.has(fed), BACK_MS),
    listen: () => eventually(() => sink.headsMovedCalls > calls, BACK_MS),
    query: () => log.findTopic(keyOf('silent.0')).catch(() => null),
    cold: () => reader.read(rangeOf(free)).catch(() => null),
    upkeep: () => upkeep.turn().catch(() => null),
  };
  const from = performance.now();
  await Promise.all(
    Object.entries(found).map(async ([kind, isFound]) => {
      await isFound();
      const ms = performance.now() - from;
      t.ok(ms < BACK_MS, `${kind}: back after ${Math.round(ms)} ms`);
    }),
  );
  t.ok(await log.findTopic(keyOf('silent.0')), 'queries work again');
  t.equal((await reader.read(rangeOf(free))).rows.length, 1, 'reads of the cold pool work again');
  t.ok(await isStored(publish(silent, held)), 'the topic that was waited for works again');
  await reader.close();
  await log.close();
});

t.test('an end waits for nobody who is silent', async (t) => {
  const { log } = await openPostgresLog(url, 'ends', {}, 'listens');
  await log.totals(TENANT);
  await eventually(async () => (await sessions('conduit/ends/w0/listen')) === 1);
  proxy.mute(/^conduit\/ends\//);
  const from = performance.now();
  await log.close();
  const ms = performance.now() - from;
  t.ok(ms < 5_000, `${Math.round(ms)} ms`);
});

t.test('accepted and closed at once, for some seconds', async (t) => {
  const closed = await openPostgresLog(url, 'closed', {}, 'listens');
  const [topicId = 0] = await makeTopics(closed.log, 'closed', 1);
  t.ok(await isStored(publish(closed, topicId)));
  proxy.door = 'closed';
  await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name LIKE 'conduit/closed/%'`,
  );
  const before = proxy.accepted;
  const until = performance.now() + 5_000;
  // Whoever asks meanwhile is answered, and is not a connection each.
  let asked = 0;
  while (performance.now() < until) {
    await closed.log.findTopic(keyOf('closed.0')).then(
      () => t.fail('nobody is there'),
      ({ code }) => code === 'log_unavailable' || t.fail(code),
    );
    asked++;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const tries = proxy.accepted - before;
  t.ok(asked > 300, `asked ${asked} times`);
  // Append, release, listen and pool: at most some two a second each, and a few more at first.
  t.ok(tries < 80, `${tries} connections in 5 s`);
  proxy.door = 'open';
  const from = performance.now();
  await eventually(() => isStored(publish(closed, topicId)));
  await eventually(async () => (await sessions('conduit/closed/w0/listen')) === 1);
  await eventually(async () => (await sessions('conduit/closed/w0/release')) === 1);
  t.ok(performance.now() - from < 10_000, 'recovered soon');
  await closed.log.close();
});

t.test('ended as soon as they are open', async (t) => {
  const ended = await openPostgresLog(url, 'ended', {}, 'listens');
  const before = proxy.accepted;
  const until = performance.now() + 4_000;
  while (performance.now() < until) {
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name ~ '^conduit/ended/w0/(listen|release|append)$'
         AND clock_timestamp() > backend_start + interval '60 ms'`,
    );
  }
  const tries = proxy.accepted - before;
  t.ok(tries < 45, `${tries} connections in 4 s`);
  for (const purpose of ['listen', 'release', 'append']) {
    const name = `conduit/ended/w0/${purpose}`;
    await eventually(async () => (await sessions(name)) > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    t.equal(await sessions(name), 1, `one session to ${purpose}`);
  }
  await ended.log.close();
  await eventually(
    async () =>
      (
        await admin.query(
          "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'conduit/ended/%'",
        )
      ).rowCount === 0,
  );
});
