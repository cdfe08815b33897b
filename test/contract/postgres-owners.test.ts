// Goal: a durable subscription is coordinated by one node at a time: another one takes it only when the lease
// of that one is over, or it let go; what is saved under an older term is refused, and who lost it is told
// whether he may follow.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { DEFAULT_LIMITS } from '../../src/core/limits.js';
import type { SubscriptionRecord } from '../../src/core/subscription-record.js';
import { type HeldTerm, OwnedElsewhere } from '../../src/log/contract/subscription-store.js';
import { DURABLES_TURN_SQL } from '../../src/log/postgres/store/creation-turn.js';
import { holdLease, removeNode } from '../../src/log/postgres/store/node-rows.js';
import { PostgresSubscriptions } from '../../src/log/postgres/store/postgres-subscriptions.js';
import { TopicStore } from '../../src/log/postgres/store/topic-store.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { LEASE_MS } from '../../src/thread/lease.js';
import { keyOf } from '../support/tenants/tenants.js';
import { SETTINGS, saveOf } from './subscription-store.js';

const server = await startPostgres();
await migrate(server.url);
const pool = new pg.Pool({ connectionString: server.url, max: 4 });
t.teardown(async () => {
  await pool.end();
  await server.stop();
});
const initial = { settings: SETTINGS, cursor: 0 };
let made = 0;

class Node {
  readonly bootId: string;
  readonly id: string;
  readonly store: PostgresSubscriptions;

  constructor(id: string, link: 'linked' | 'alone' = 'linked') {
    this.id = id;
    this.bootId = randomUUID();
    const own = { node: id, bootId: link === 'linked' ? this.bootId : null };
    this.store = new PostgresSubscriptions(pool, () => undefined, { own });
  }

  async live(leaseMs = LEASE_MS): Promise<void> {
    const figures = {
      addr: 'host:1',
      forwardUrl: null,
      version: '1',
      sessions: 0,
      topics: [0],
      backplane: 'none',
    };
    await holdLease(pool, { ...figures, id: this.id, bootId: this.bootId }, leaseMs);
  }

  async take(topicId: number): Promise<SubscriptionRecord> {
    return (await this.store.take(topicId, 'sub', initial)).record;
  }

  async leave(): Promise<void> {
    await removeNode(pool, {
      id: this.id,
      bootId: this.bootId,
      addr: '',
      forwardUrl: null,
      version: '',
    });
  }
}

/** How a take of what that node coordinates is refused. */
function isOf({ bootId }: Node): { name: string; code: string; bootId: string } {
  return { name: 'Error', code: 'busy', bootId };
}

async function newTopicId(): Promise<number> {
  const topics = new TopicStore({ db: pool, limits: DEFAULT_LIMITS });
  return (await topics.create(keyOf(`owners.${++made}`), null)).topic.id;
}

function termOf({ id, term, topicId, createdAtMs }: SubscriptionRecord): HeldTerm {
  return { id, term, topicId, createdAtMs };
}

t.test('who lives keeps it, and may take it again', async (t) => {
  const [a, b] = [new Node('a'), new Node('b')];
  await a.live();
  const topicId = await newTopicId();
  const first = await a.take(topicId);
  await t.rejects(b.take(topicId), isOf(a));
  t.equal((await a.take(topicId)).term, first.term + 1, 'as a worker that was replaced does');
  await a.leave();
});

t.test('who is refused what another node has waits for no turn of what is made', async (t) => {
  const [a, b] = [new Node('a'), new Node('b')];
  await a.live();
  const topicId = await newTopicId();
  await a.take(topicId);
  const maker = await pool.connect();
  await maker.query('BEGIN');
  await maker.query(DURABLES_TURN_SQL, [topicId]);
  await t.rejects(b.take(topicId), isOf(a));
  await maker.query('ROLLBACK');
  maker.release();
  await a.leave();
});

t.test('it is taken when the lease is over, and what is saved then is refused', async (t) => {
  const [a, b] = [new Node('a'), new Node('b')];
  await a.live(400);
  const topicId = await newTopicId();
  const held = await a.take(topicId);
  let taken: SubscriptionRecord | null = null;
  await eventually(async () => {
    taken = await b.take(topicId).catch(() => null);
    return taken !== null;
  });
  t.match(taken, { id: held.id, term: held.term + 1 });
  t.same(await a.store.save([saveOf(held, { ackFloor: 7 })]), [held.id], 'of the older term');
  t.equal((await b.store.find(topicId, 'sub'))?.ackFloor, 0);
  await b.live();
  t.same(await a.store.lost([termOf(held)]), [{ id: held.id, why: 'moved' }]);
  await a.live();
  await t.rejects(a.take(topicId), isOf(b), 'who wakes takes nothing back');
  await Promise.all([a.leave(), b.leave()]);
});

t.test('it is taken when it was let go, which is of one term alone', async (t) => {
  const [a, b] = [new Node('a'), new Node('b')];
  await Promise.all([a.live(), b.live()]);
  const topicId = await newTopicId();
  const before = await a.take(topicId);
  const held = await a.take(topicId);
  await a.store.release(termOf(before));
  await t.rejects(b.take(topicId), isOf(a), 'an older term lets nothing go');
  await b.store.release(termOf(held));
  await t.rejects(b.take(topicId), isOf(a), 'nor does another node');
  await a.store.release(termOf(held));
  t.equal((await b.take(topicId)).term, held.term + 1);
  await Promise.all([a.leave(), b.leave()]);
});

t.test('another life of the name, and a lease longer than any, hold nothing', async (t) => {
  const [a, b] = [new Node('a'), new Node('b')];
  await a.live(100);
  const topicId = await newTopicId();
  await a.take(topicId);
  const next = new Node('a');
  await eventually(async () => {
    await next.live(LEASE_MS + 60_000);
    const { rows } = await pool.query("SELECT boot_id FROM conduit.nodes WHERE id = 'a'");
    return rows[0]?.boot_id === next.bootId;
  });
  const taken = await b.take(topicId);
  await b.store.release(termOf(taken));
  await next.take(topicId);
  t.ok(await b.take(topicId), 'the clock of the database was set back since');
  await Promise.all([next.leave(), b.leave()]);
});

t.test(
  'a node without a link takes whatever it is asked for, and is told from others',
  async (t) => {
    const [a, alone] = [new Node('a'), new Node('alone', 'alone')];
    await a.live();
    const topicId = await newTopicId();
    const held = await a.take(topicId);
    const taken = await alone.take(topicId);
    t.equal(taken.term, held.term + 1);
    t.same(await a.store.lost([termOf(held)]), [{ id: held.id, why: 'taken_over' }]);
    const again = await a.take(topicId);
    t.equal(again.term, taken.term + 1, 'so does whoever asks after it');
    t.same(await alone.store.lost([termOf(taken)]), [{ id: held.id, why: 'taken_over' }]);
    const older = 'UPDATE conduit.subscriptions SET term = term + 1 WHERE id = $1';
    await pool.query(older, [held.id]);
    const lost = [{ id: held.id, why: 'taken_over' }];
    t.same(await a.store.lost([termOf(again)]), lost, 'by a node of the version before');
    await a.leave();
  },
);

t.test('nodes that take it from each other at any moment are never told of a limit', async (t) => {
  const nodes = ['a', 'b', 'c'].map((id) => new Node(id));
  const topicId = await newTopicId();
  for (const node of nodes) await node.live(60_000);
  let taken = 0;
  const churn = async (node: Node): Promise<void> => {
    for (let n = 0; n < 300; n++) {
      try {
        await node.store.release(termOf(await node.take(topicId)));
        taken++;
      } catch (error) {
        if (!(error instanceof OwnedElsewhere)) throw error;
      }
    }
  };
  await Promise.all(nodes.map(churn));
  t.ok(taken > 30, `${taken} times`);
  for (const node of nodes) await node.leave();
});
