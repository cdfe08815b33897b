// Goal: a quota is of the whole installation: two nodes under many times of it let through what it says,
// within a tenth; what a node that was killed had leased comes back; a change is known on both; and where
// nobody can lease, each node goes on by itself.
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { ADMIN_KEY, type KeyedNode, startKeyedNode } from '../support/nodes/keyed-node.js';

const QUOTA = 200;
const WINDOW_MS = 3_000;
/** A machine that stands still for a while makes a window of less. */
const WINDOWS = 6;

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const env = { DATABASE_URL: postgres.url, WORKERS: '1' };
const start = (name: string): Promise<KeyedNode> => startKeyedNode({ ...env, NODE_ID: name });
const a = await start('a');
let b = await start('b');
t.teardown(() => a.kill9());
t.teardown(() => b.kill9());
const admin = new pg.Client({ connectionString: postgres.url });
admin.on('error', () => undefined);
await admin.connect();
t.teardown(() => admin.end());

const { key } = await a.makeTenantKey('acme');
await a.ask('POST /api/topics', key, { name: 'a' });

async function set(quotas: object, on: KeyedNode = a): Promise<void> {
  const answer = await on.ask('PATCH /api/tenants/acme', ADMIN_KEY, { quotas });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
}

/** What a node says of the tenant's rates. */
async function policyOn(node: KeyedNode): Promise<unknown> {
  return (await node.ask('GET /api/topics', key)).headers['ratelimit-policy'];
}

/** Publishes five times the quota, and counts what came back. */
class Flood {
  published = 0;
  refused = 0;
  readonly #session: Subscriber;
  readonly #timer: NodeJS.Timeout;

  constructor(session: Subscriber) {
    this.#session = session;
    session.onControl = ({ type }) => {
      if (type === 'published') this.published++;
      else this.refused++;
      session.control.length = 0;
    };
    this.#timer = setInterval(() => {
      for (let n = 0; n < QUOTA / 20; n++) {
        session.send({ type: 'publish', topic: 'a', payload: 1, ref: 1 });
      }
    }, 10);
  }

  static async on(node: KeyedNode): Promise<Flood> {
    return new Flood(await Subscriber.open(node.wsUrl, 'json', key));
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#session.close();
  }
}

/**
 * What was published, by what the quota says: in windows until one is as it should be, and in all of them.
 */
async function judge(t: Test, floods: readonly Flood[]): Promise<void> {
  const sum = (): number => floods.reduce((total, { published }) => total + published, 0);
  const shares: number[] = [];
  const shareSince = (from: { ms: number; sum: number }): number =>
    (sum() - from.sum) / ((QUOTA * (performance.now() - from.ms)) / 1_000);
  const begin = { ms: performance.now(), sum: sum() };
  const isRight = (share: number): boolean => share >= 0.9 && share <= 1.1;
  while (shares.length < WINDOWS && !shares.some(isRight)) {
    const from = { ms: performance.now(), sum: sum() };
    await new Promise((resolve) => setTimeout(resolve, WINDOW_MS));
    shares.push(shareSince(from));
  }
  t.comment(`published, by the quota: ${shares.map((share) => share.toFixed(3)).join(', ')}`);
  t.ok(shareSince(begin) <= 1.1, 'never more than a tenth over it');
  t.ok(shares.some(isRight), 'and not a tenth below it');
}

t.test('two nodes under ten times the quota; then one, the other being killed', async (t) => {
  await set({ messages_per_s: QUOTA });
  for (const node of [a, b]) {
    await eventually(async () => (await policyOn(node)) === `"messages";q=${QUOTA};w=1`);
  }
  const floods = [await Flood.on(a), await Flood.on(b)];
  // What was saved up is spent.
  await eventually(() => floods.every(({ refused }) => refused > QUOTA));
  await judge(t, floods);
  t.ok(
    floods.every(({ published }) => published > 0),
    'either node had its share',
  );
  await b.kill9();
  floods[1]?.stop();
  await judge(t, floods.slice(0, 1));
  floods[0]?.stop();
  b = await start('b');
  await set({ messages_per_s: null });
});

t.test('a change on one node is in force on the other, be it told or not', async (t) => {
  const took: number[] = [];
  for (let n = 1; n <= 5; n++) {
    const from = performance.now();
    await set({ messages_per_s: 1_000 + n });
    await eventually(async () => (await policyOn(b)) === `"messages";q=${1_000 + n};w=1`);
    took.push(performance.now() - from);
  }
  t.comment(`PATCH to in force on the other node, ms: ${took.map(Math.round).join(', ')}`);
  await admin.query('ALTER TABLE conduit.tenants DISABLE TRIGGER changed');
  await admin.query(
    `UPDATE conduit.tenants SET quotas = '{"messages_per_s": 7}' WHERE name = 'acme'`,
  );
  await admin.query('ALTER TABLE conduit.tenants ENABLE TRIGGER changed');
  await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name ~ 'conduit/./keys'`);
  for (const node of [a, b]) {
    await eventually(async () => (await policyOn(node)) === '"messages";q=7;w=1');
  }
  await set({ messages_per_s: null }, b);
  await eventually(async () => (await policyOn(a)) === undefined);
  t.pass('and so is its end');
});

t.test(
  'sessions of both nodes together; those of one that was killed are free again',
  async (t) => {
    await set({ sessions: 20, messages_per_s: 1_000_000 });
    for (const node of [a, b]) await eventually(async () => (await policyOn(node)) !== undefined);
    const open = new Map<KeyedNode, Subscriber[]>([
      [a, []],
      [b, []],
    ]);
    const total = (): number =>
      [...open.values()].flat().filter(({ closed }) => closed === null).length;
    const tryOpen = async (node: KeyedNode): Promise<void> => {
      try {
        open.get(node)?.push(await Subscriber.open(node.wsUrl, 'json', key));
      } catch (error) {
        if (!/429/.test(String(error))) throw error;
      }
    };
    /** Ten at once on each. */
    const storm = (nodes: readonly KeyedNode[]): Promise<unknown> =>
      Promise.all(nodes.flatMap((node) => Array.from({ length: 10 }, () => tryOpen(node))));
    await eventually(async () => {
      await storm([a, b]);
      return total() >= 20;
    });
    for (let n = 0; n < 10; n++) await storm([a, b]);
    t.ok(total() <= 22, `${total()} are open`);
    const dead = b;
    await dead.kill9();
    await eventually(() => (open.get(dead) ?? []).every(({ closed }) => closed !== null));
    await eventually(async () => {
      await storm([a]);
      return total() >= 20;
    });
    for (let n = 0; n < 10; n++) await storm([a]);
    t.ok(total() <= 22, `${total()} are open`);
    for (const session of [...open.values()].flat()) session.close();
    b = await start('b');
    await set({ sessions: null, messages_per_s: null });
  },
);

t.test(
  'topics of both nodes together, exactly; stored bytes, whichever node took them',
  async (t) => {
    await set({ topics: 10 });
    const made = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        (n % 2 === 0 ? a : b).ask('POST /api/topics', key, { name: `made.${n}` }),
      ),
    );
    t.equal(made.filter(({ status }) => status === 201).length, 9, 'with the one that was there');
    for (const { status, body } of made) {
      if (status !== 201) t.match([status, body], [429, { code: 'quota_exceeded' }]);
    }
    await set({ topics: null, stored_bytes: 30_000 });
    const payload = 'x'.repeat(1_000);
    const stored = async (): Promise<number> => {
      const { body } = await a.ask('GET /api/topics?prefix=', key);
      return (body['topics'] as { bytes: number }[]).reduce((sum, { bytes }) => sum + bytes, 0);
    };
    const topic = String(made.find(({ status }) => status === 201)?.body['name']);
    const publish = (node: KeyedNode) => node.ask('POST /api/publish', key, { topic, payload });
    await eventually(async () => {
      const answers = [await publish(a), await publish(b)];
      return answers.every(({ status }) => status === 429);
    });
    t.ok((await stored()) >= 29_000);
    t.match((await publish(b)).body, { code: 'quota_exceeded' });
    t.equal((await a.ask(`DELETE /api/topics/${topic}`, key)).status, 204);
    await set({ stored_bytes: null });
  },
);

t.test('a lock on the leases holds up nobody who stays below the quota', async (t) => {
  await set({ messages_per_s: QUOTA });
  await eventually(async () => (await policyOn(a)) !== undefined);
  await admin.query('BEGIN; LOCK TABLE conduit.quota_budgets IN ACCESS EXCLUSIVE MODE');
  const until = performance.now() + 3_000;
  let published = 0;
  while (performance.now() < until) {
    const answer = await a.ask('POST /api/publish', key, { topic: 'a', payload: 1 });
    if (answer.status !== 200) t.fail(JSON.stringify(answer.body));
    else published++;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await admin.query('COMMIT');
  t.ok(published > 0);
});
