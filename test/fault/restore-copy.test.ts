// Goal: a copy of the server's files that is put in its place beneath nodes that run is another log, though
// by all it says it is the one they had: what was published since the copy was made is told as a gap, what is
// published after it is given to everybody, and there is one new incarnation, however many notice it.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import type { Frame } from '../support/clients/subscriber.js';
import { came, from, publishUpTo, runsOf, subscribe } from '../support/log/restored-topic.js';

const server = await startPostgres();
t.teardown(() => server.stop());
const copy = `${server.dataDir}-copy`;

function run(...command: [string, ...string[]]): void {
  const [program, ...args] = command;
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

async function answers(sql: string): Promise<number> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    return Number((await client.query<{ n: string }>(sql)).rows[0]?.n);
  } finally {
    await client.end();
  }
}

/** Every worker has looked at the database since now. */
async function seenByAll(workers: number): Promise<void> {
  const since = await answers(`SELECT extract(epoch FROM clock_timestamp()) AS n`);
  const sql = `SELECT count(DISTINCT application_name) AS n FROM pg_stat_activity
    WHERE application_name LIKE 'conduit/%/query' AND query LIKE '%pg_current_wal_flush_lsn%'
      AND query_start > to_timestamp(${since})`;
  let seen = 0;
  await eventually(async () => {
    seen = Math.max(seen, await answers(sql));
    return seen >= workers;
  });
}

t.test('a copy of the files in the place of the server that it was made of', async (t) => {
  const env = { DATABASE_URL: server.url };
  const a = await startNode({ ...env, NODE_ID: 'a', WORKERS: '1' });
  t.teardown(() => a.kill9());
  const b = await startNode({ ...env, NODE_ID: 'b', WORKERS: '1' });
  t.teardown(() => b.kill9());
  const live = await subscribe(b, { ack: 'none' });
  const durable = await subscribe(a, { subscription: 'durable' });
  await publishUpTo(a, 30, 'common');
  await came(t, durable.session, ['common(1..30)']);

  await server.kill9();
  run('cp', '-a', server.dataDir, copy);
  await server.start();
  const epoch = await publishUpTo(a, 60, 'lost');
  t.equal(epoch, durable.answer['epoch'], 'a crash loses nothing, and changes nothing');
  for (const { session } of [live, durable]) {
    await came(t, session, ['common(1..30)', 'lost(31..60)']);
  }
  await seenByAll(2);

  await server.kill9();
  rmSync(server.dataDir, { recursive: true });
  run('mv', copy, server.dataDir);
  await server.start();
  const now = await publishUpTo(a, 70, 'new');
  t.not(now, epoch);
  const told = (frame: Frame): boolean => frame.type === 'subscribed' && frame['epoch'] === now;
  for (const { session } of [live, durable]) {
    const { gap, recovered } = await session.waitFor(told);
    const wanted = { from: 31, to: 60, reason: 'failover' };
    t.match({ gap, recovered }, { gap: wanted, recovered: false });
    await eventually(() => runsOf(session).length === 3 && runsOf(session)[2] === 'new(31..70)');
    t.same(runsOf(session), ['common(1..30)', 'lost(31..60)', 'new(31..70)']);
  }
  const resumed = await subscribe(b, from(61, epoch));
  t.match(resumed.answer, { recovered: false, gap: { from: 31, to: 60 } });
  await came(t, resumed.session, ['new(31..70)']);
  t.equal(await answers('SELECT count(*) AS n FROM conduit.incarnations'), 2, 'once, for all');
  for (const { session } of [live, durable, resumed]) session.close();
});
