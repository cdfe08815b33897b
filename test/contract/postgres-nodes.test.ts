// Goal: a name in the database is one node's at a time, and free when its lease is over or it says so; what
// a renewal and a look cost does not grow while somebody holds a snapshot.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import type { NodeFigures, NodeIdentity } from '../../src/core/node-record.js';
import {
  askToDrain,
  holdLease,
  type ListedNode,
  listNodes,
  removeNode,
} from '../../src/log/postgres/store/node-rows.js';
import { purgeLostNodes } from '../../src/log/postgres/upkeep/lost-nodes.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { MeasuredPool } from '../support/log/measured-pool.js';

// Thousands of renewals: what is on disk is not what is asked here.
const server = await startPostgres({ synchronous_commit: 'off', autovacuum: 'off' });
await migrate(server.url);
const raw = new pg.Pool({ connectionString: server.url, max: 4 });
const pool = new MeasuredPool(raw);
t.teardown(async () => {
  await raw.end();
  await server.stop();
});

const LONG_MS = 600_000;
const SHORT_MS = 300;
const FIGURES: NodeFigures = { sessions: 3, topics: [4, 5], backplane: 'none' };

function life(id: string, n: number): NodeIdentity & NodeFigures {
  const bootId = `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
  const forwardUrl = n % 2 === 0 ? null : `https://host:${n}`;
  return { id, bootId, addr: `host:${n}`, forwardUrl, version: '1.2.3', ...FIGURES };
}

async function byId(id: string): Promise<ListedNode | undefined> {
  return (await listNodes(pool, LONG_MS)).find(({ record }) => record.id === id);
}

t.test('a name is had by one life of a node until its lease is over', async (t) => {
  const [first, second] = [life('one', 1), life('one', 2)];
  t.equal(await holdLease(pool, first, SHORT_MS), null, 'it was free');
  t.equal(await holdLease(pool, first, SHORT_MS), null, 'it is renewed');
  const holder = await holdLease(pool, second, LONG_MS);
  t.match(holder, { bootId: first.bootId, addr: 'host:1', renewals: 1 });
  t.ok((holder?.leftMs ?? 0) > 0 && (holder?.leftMs ?? 0) <= SHORT_MS);
  await eventually(async () => (await holdLease(pool, second, LONG_MS)) === null);
  t.match(await holdLease(pool, first, LONG_MS), { bootId: second.bootId }, 'who was frozen');
  const { record } = (await byId('one')) ?? {};
  t.match(record, { ...second, state: 'live' });
  t.ok((record?.startedAtMs ?? 0) > 0 && (record?.seenAtMs ?? 0) >= (record?.startedAtMs ?? 0));
});

t.test('a lease from before the clock was set back is none', async (t) => {
  const [first, second] = [life('ahead', 1), life('ahead', 2)];
  await holdLease(pool, first, LONG_MS);
  const ahead = (ms: number): Promise<unknown> =>
    raw.query(
      `UPDATE conduit.nodes SET lease_until = clock_timestamp() + $1 * interval '1 ms'
       WHERE id = 'ahead'`,
      [ms],
    );
  await ahead(LONG_MS + 900);
  t.equal((await byId('ahead'))?.record.state, 'live', 'clocks are not that good');
  t.match(await holdLease(pool, second, LONG_MS), { bootId: first.bootId });
  await ahead(LONG_MS + 3_600_000);
  t.match(await byId('ahead'), { record: { state: 'lost' }, leftMs: 0 });
  t.equal(await holdLease(pool, second, LONG_MS), null, 'the name is free');
  t.match(await byId('ahead'), { record: { bootId: second.bootId, state: 'live' } });
  await ahead(LONG_MS + 3_600_000);
  t.equal(await holdLease(pool, second, LONG_MS), null, 'it is renewed');
  t.equal((await byId('ahead'))?.record.state, 'live', 'to a lease of the length of all');
});

t.test('who is asked to drain is one life of a node, and not the next', async (t) => {
  const [first, second] = [life('drained', 1), life('drained', 2)];
  await holdLease(pool, first, LONG_MS);
  t.equal((await byId('drained'))?.record.isToDrain, false);
  t.equal(await askToDrain(pool, 'drained'), true);
  t.equal((await byId('drained'))?.record.isToDrain, true);
  // As of one that was killed: its row stays, with the mark.
  await holdLease(pool, first, 1);
  t.equal((await byId('drained'))?.record.isToDrain, true, 'a renewal keeps it');
  await eventually(async () => (await holdLease(pool, second, LONG_MS)) === null);
  t.equal((await byId('drained'))?.record.isToDrain, false);
  t.equal(await askToDrain(pool, 'drained'), true);
  t.equal((await byId('drained'))?.record.isToDrain, true);
  t.equal(await askToDrain(pool, 'nobody'), false);
});

t.test('of lives that want it at the same moment one gets it', async (t) => {
  for (const name of ['fresh', 'over']) {
    if (name === 'over') {
      await holdLease(pool, life(name, 9), 1);
      await eventually(async () => (await byId(name))?.record.state === 'lost');
    }
    const lives = [1, 2, 3, 4].map((n) => life(name, n));
    const holders = await Promise.all(lives.map((one) => holdLease(pool, one, LONG_MS)));
    t.equal(holders.filter((holder) => holder === null).length, 1, name);
    const winner = lives[holders.indexOf(null)];
    t.equal((await byId(name))?.record.bootId, winner?.bootId);
  }
});

t.test('a node that ends takes only its own row, and the lost go after a while', async (t) => {
  await holdLease(pool, life('ends', 1), LONG_MS);
  await removeNode(pool, life('ends', 2));
  t.ok(await byId('ends'));
  await removeNode(pool, life('ends', 1));
  t.notOk(await byId('ends'));
  await holdLease(pool, life('lost', 1), 1);
  t.equal(await purgeLostNodes(pool), 0, 'it is shown');
  await raw.query(
    "UPDATE conduit.nodes SET lease_until = now() - interval '11 min' WHERE id = 'lost'",
  );
  t.equal(await purgeLostNodes(pool), 1);
  t.equal(await holdLease(pool, life('lost', 1), LONG_MS), null, 'who wakes after that is let in');
});

t.test('a renewal for the 32nd time is no other row', async (t) => {
  const one = life('counted', 1);
  for (let n = 0; n <= 70; n++) t.equal(await holdLease(pool, one, LONG_MS), null);
  const { rows } = await raw.query(
    "SELECT number::int, renewals::int FROM conduit.nodes WHERE id = 'counted'",
  );
  t.same(rows, [{ number: 2, renewals: 70 }]);
});

t.test('a held snapshot makes neither renewals nor looks dearer', async (t) => {
  await raw.query('DELETE FROM conduit.nodes');
  await raw.query('VACUUM ANALYZE conduit.nodes');
  const all = ['a', 'b', 'c'].map((id) => life(id, 1));
  const [middle = life('b', 1)] = all.filter(({ id }) => id === 'b');
  const renew = (): Promise<unknown> => Promise.all(all.map((one) => holdLease(raw, one, LONG_MS)));
  const costs = async (): Promise<{ renewal: number; look: number }> => ({
    renewal: await pool.pagesOf(() => holdLease(pool, middle, LONG_MS)),
    look: await pool.pagesOf(() => listNodes(pool, LONG_MS)),
  });
  const holder = await raw.connect();
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM conduit.topics');
  for (let n = 0; n < 200; n++) await renew();
  const before = await costs();
  for (let n = 0; n < 2_000; n++) await renew();
  const after = await costs();
  await holder.query('ROLLBACK');
  holder.release();
  t.comment(
    `pages: renewal ${before.renewal}, ${after.renewal}; look ${before.look}, ${after.look}`,
  );
  // The index may have become a page deeper.
  t.ok(after.renewal <= before.renewal + 12, `renewal ${after.renewal} pages`);
  t.ok(after.look <= before.look + 24, `look ${after.look} pages`);
});
