// Goal: of two tenants with topics and subscriptions of the same names, neither sees, gets, counts or touches
// anything of the other's, whatever it asks a worker for.
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { startPostgres } from '../../../native-bench/rig/postgres.js';
import { systemClock } from '../../../src/core/clock.js';
import { DatabaseClock } from '../../../src/core/database-clock.js';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { ANYONE, type Principal } from '../../../src/core/principal.js';
import type { LogSink } from '../../../src/log/contract/message-log.js';
import { MemoryLog } from '../../../src/log/memory/memory-log.js';
import { BrowseReader } from '../../../src/log/postgres/browse-reader.js';
import { PostgresLog } from '../../../src/log/postgres/postgres-log.js';
import { migrate } from '../../../src/log/postgres/upkeep/migrations.js';
import {
  UNSUBSCRIBED_DELETED,
  UNSUBSCRIBED_TOPIC_DELETED,
} from '../../../src/thread/ops/subscribe.js';
import type { PublishUnderWay } from '../../../src/topic/log/publishes.js';
import { type TestSubscription, WorkerClient } from '../../support/nodes/worker-client.js';
import { addOther, NOBODY, OTHER } from '../../support/tenants/tenants.js';

const HOUR_MS = 3_600_000;
const BOTH = [ANYONE, OTHER] as const;
const IDS = { after: 0, limit: 100 };
const NAMES = { after: '', limit: 100 };
const NO_RETENTION = { hours: null, messages: null, bytes: null };

const server = await startPostgres();
await migrate(server.url);
await addOther(server.url);
t.teardown(() => server.stop());

function openPostgres(sink: LogSink<PublishUnderWay>): PostgresLog<PublishUnderWay> {
  return new PostgresLog({
    ...{ databaseUrl: server.url, applicationName: 'conduit/tenants/w0', sink },
    ...{ limits: DEFAULT_LIMITS, clock: new DatabaseClock(systemClock), notify: false },
    ...{ owns: () => true, isHere: () => true, keepsUp: () => true },
    ...{ onTrouble: (_what, error) => t.fail(String(error)) },
  });
}

const OPEN: Readonly<Record<string, () => WorkerClient>> = {
  'in memory': () =>
    new WorkerClient(
      (sink) =>
        new MemoryLog({ limits: DEFAULT_LIMITS, clock: systemClock, sink, idBase: 1, idStep: 1 }),
      null,
    ),
  'on PostgreSQL': () =>
    new WorkerClient(
      openPostgres,
      new BrowseReader({ databaseUrl: server.url, applicationName: 'conduit/tenants/browse' }),
    ),
};

type Check = (t: Test, worker: WorkerClient) => Promise<void>;

/** Each with its topic of one name; the one's is there before the other's. */
async function topicsOf(worker: WorkerClient, name: string): Promise<void> {
  for (const { keyOf } of keysOf()) {
    await worker.call('topic.create', { key: keyOf(name), retention: null });
  }
}

function keysOf(): {
  principal: Principal;
  keyOf: (name: string) => ReturnType<Principal['keyOf']>;
}[] {
  return BOTH.map((principal) => ({ principal, keyOf: (name) => principal.keyOf(name) }));
}

/** Each subscribed under one name to its topic of one name. */
async function subscribed(
  worker: WorkerClient,
  topic: string,
): Promise<[TestSubscription, TestSubscription]> {
  const [ours, theirs] = [ANYONE, OTHER].map((one) => worker.subscribe(one.keyOf(topic), 'sub'));
  return [await must(ours), await must(theirs)];
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is nothing');
  return value;
}

const CHECKS: Readonly<Record<string, Check>> = {
  'a publish that waits for its topic goes to the topic of its tenant': async (t, worker) => {
    await worker.call('topic.create', { key: ANYONE.keyOf('waits'), retention: null });
    const early = await Promise.all(
      Array.from({ length: 6 }, (_, n) => worker.publish(must(BOTH[n % 2]).keyOf('waits'), n)),
    );
    t.match(
      early,
      [0, 1, 2].flatMap((n) => [{ sequence: n + 1 }, { code: 'topic_not_found' }]),
    );
    await worker.call('topic.create', { key: OTHER.keyOf('waits'), retention: null });
    const late = await Promise.all(BOTH.map((one) => worker.publish(one.keyOf('waits'), 'late')));
    t.match(late, [{ sequence: 4 }, { sequence: 1 }]);
    await topicsOf(worker, 'unmet');
  },

  'a message reaches the subscriptions of its tenant alone': async (t, worker) => {
    await topicsOf(worker, 'fan.out');
    const [ours, theirs] = await subscribed(worker, 'fan.out');
    const plain = await worker.subscribe(OTHER.keyOf('fan.out'), null);
    await worker.publish(ANYONE.keyOf('fan.out'), 'ours');
    await worker.publish(OTHER.keyOf('fan.out'), 'theirs');
    await eventually(() => [ours, theirs, plain].every((one) => one.messages.length > 0));
    t.same(ours.messages, ['1 "ours"']);
    t.same(theirs.messages, ['1 "theirs"']);
    t.same(plain.messages, ['1 "theirs"']);
    const keys = BOTH.map((one) => one.keyOf('fan.out'));
    t.same(await worker.call('topics.counts', { keys }), { counts: [1, 2] });
    await worker.ack(theirs, 1);
    const states = await Promise.all(
      keys.map((key) => worker.call('subscription.pause', { key, subscription: 'sub' })),
    );
    t.match(
      states.map(({ subscription }) => subscription?.ackFloor),
      [0, 1],
    );
  },

  "dedupe keys and deferred messages are a tenant's own": async (t, worker) => {
    await topicsOf(worker, 'keys');
    const say = (one: Principal, payload: string, more = {}) =>
      worker.publish(one.keyOf('keys'), payload, { dedupeKey: 'k', ...more });
    t.match(await say(ANYONE, 'a'), { sequence: 1, duplicate: false });
    t.match(await say(OTHER, 'b'), { sequence: 1, duplicate: false });
    t.match(await say(ANYONE, 'a'), { sequence: 1, duplicate: true });
    const later = { dedupeKey: 'later', delayMs: HOUR_MS };
    const deferred = await Promise.all(BOTH.map((one) => say(one, 'x', later)));
    t.match(deferred, [{ duplicate: false }, { duplicate: false }]);
    const [id, theirId] = deferred.map((one) => ('deferredId' in one ? Number(one.deferredId) : 0));
    for (const within of [OTHER.tenant, OTHER.keyOf('keys')]) {
      const { records } = await worker.call('deferred.list', { within, ...IDS });
      t.same(
        records.map((record) => record.id),
        [theirId],
      );
    }
    const cancel = (one: Principal, of = 0) =>
      worker.call('deferred.cancel', { tenant: one.tenant, id: of });
    t.same(await cancel(OTHER, id), { outcome: 'unknown' });
    t.same(await cancel(ANYONE, id), { outcome: 'cancelled' });
    t.same(await cancel(OTHER, theirId), { outcome: 'cancelled' });
  },

  "dead letters and redrive jobs are a tenant's own": async (t, worker) => {
    await topicsOf(worker, 'letters');
    const [ours, theirs] = await subscribed(worker, 'letters');
    for (const one of [ours, theirs]) {
      await worker.publish(one.topic, 'bad');
      await eventually(() => one.messages.length === 1);
      await worker.reject(one, 1);
    }
    const lettersOf = async ({ tenant }: Principal, ids: number[] | null = null) =>
      (
        await worker.call('dead-letters.list', {
          ...{ within: tenant, subscription: null, ids, ...IDS, lines: false },
        })
      ).ids;
    const [id = 0] = await lettersOf(ANYONE);
    t.same(await lettersOf(OTHER, [id]), []);
    t.notOk((await lettersOf(OTHER)).includes(id));
    const byId = (one: Principal) => ({ within: one.tenant, subscription: null, ids: [id] });
    t.same(await worker.call('dead-letters.purge', byId(OTHER)), { purged: 0, more: false });
    const pace = { limit: 10, rate: 1_000 };
    t.same(await worker.call('dead-letters.match', { ...byId(OTHER), ...pace }), {
      matched: 0,
      gone: 0,
    });
    await worker.call('dead-letters.redrive', { ...byId(OTHER), ...pace, job: 'job' });
    t.same(await lettersOf(ANYONE), [id], 'still one');
    await worker.call('dead-letters.redrive', { ...byId(ANYONE), ...pace, job: 'job' });
    await eventually(() => ours.messages.length === 2);
    const jobOf = ({ tenant }: Principal, method: 'job.get' | 'job.cancel' = 'job.get') =>
      worker.call(method, { tenant, job: 'job' });
    await eventually(async () => (await jobOf(ANYONE)).part?.state === 'done');
    t.same(await jobOf(OTHER), { part: null });
    t.same(await jobOf(OTHER, 'job.cancel'), { part: null });
    t.match(await jobOf(ANYONE), { part: { done: 1, state: 'done' } });
    t.same(theirs.messages.length, 1);
  },

  'a job that another tenant gives up, under the same name, runs all the same': async (
    t,
    worker,
  ) => {
    await topicsOf(worker, 'jobs');
    const ours = await worker.subscribe(ANYONE.keyOf('jobs'), 'sub');
    await worker.publish(ours.topic, 'bad');
    await eventually(() => ours.messages.length === 1);
    await worker.reject(ours, 1);
    await worker.call('job.give-up', { tenant: OTHER.tenant, job: 'twin' });
    const filter = { within: ours.topic, subscription: 'sub', ids: null };
    const pace = { limit: 10, rate: 1_000, job: 'twin' };
    t.match(await worker.call('dead-letters.redrive', { ...filter, ...pace }), { matched: 1 });
    await eventually(() => ours.messages.length === 2);
  },

  'a subscription is sought, changed and deleted in its own tenant': async (t, worker) => {
    await topicsOf(worker, 'control');
    const [ours, theirs] = await subscribed(worker, 'control');
    for (const { topic } of [ours, theirs]) await worker.publish(topic, 'one');
    await eventually(() => [ours, theirs].every((one) => one.messages.length === 1));
    const target = { key: theirs.topic, subscription: 'sub' };
    await worker.call('subscription.seek', { ...target, start: { from: 'earliest' } });
    await eventually(() => theirs.messages.length === 2);
    await worker.call('subscription.patch', { ...target, ackWaitMs: 77, maxDeliver: null });
    const { subscription } = await worker.call('subscription.get', {
      key: ours.topic,
      subscription: 'sub',
    });
    t.not(subscription?.settings.ackWaitMs, 77);
    t.same(await worker.call('subscription.delete', target), { deleted: true });
    await eventually(() => theirs.ended === UNSUBSCRIBED_DELETED);
    t.equal(ours.ended, null);
    t.same(ours.messages, ['1 "one"']);
    const listed = async ({ tenant }: Principal) =>
      (await worker.call('subscription.list', { within: tenant, after: null, limit: 100 }))
        .subscriptions.length;
    t.equal((await listed(ANYONE)) - (await listed(OTHER)), 2, 'of this and the jobs above');
  },

  'a topic is patched, listed, read and deleted in its own tenant': async (t, worker) => {
    await topicsOf(worker, 'topic');
    const [ours, theirs] = await subscribed(worker, 'topic');
    await worker.publish(ours.topic, 'ours');
    const retention = { ...NO_RETENTION, messages: 7 };
    await worker.call('topic.patch', { key: theirs.topic, retention });
    const { record } = await worker.call('topic.get', { key: ours.topic });
    t.same(record?.retention, NO_RETENTION);
    const lastOf = async (key: typeof ours.topic) =>
      (await worker.call('topic.position', { key })).position?.lastSequence;
    t.same([await lastOf(ours.topic), await lastOf(theirs.topic)], [1, 0]);
    const page = { from: null, limit: 10, order: 'asc', filter: null } as const;
    const { body } = await worker.call('topic.messages', { key: theirs.topic, ...page });
    t.notMatch(Buffer.from(body).toString(), /ours/);
    t.same(await worker.call('topic.delete', { key: theirs.topic }), { deleted: true });
    await eventually(() => theirs.ended === UNSUBSCRIBED_TOPIC_DELETED);
    t.equal(ours.ended, null);
    const namesOf = async ({ tenant }: Principal) =>
      (await worker.call('topics.list', { tenant, prefix: 'topic', ...NAMES })).records.length;
    t.same([await namesOf(ANYONE), await namesOf(OTHER)], [1, 0]);
    t.match(await worker.publish(ours.topic, 'more'), { sequence: 2 });
  },

  'a message is found and traced by its own tenant': async (t, worker) => {
    await topicsOf(worker, 'trace');
    const [ours, theirs] = await subscribed(worker, 'trace');
    await worker.publish(theirs.topic, 'theirs');
    const { body } = await worker.call('topic.messages', {
      ...{ key: theirs.topic, from: null, limit: 1, order: 'asc', filter: null },
    });
    const { messages } = JSON.parse(Buffer.from(body).toString()) as {
      messages: { message_id: string }[];
    };
    const id = must(messages[0]).message_id;
    const find = ({ tenant }: Principal) => worker.call('message.find', { tenant, id });
    t.same(await find(ANYONE), { found: null });
    t.match(await find(OTHER), { found: { key: theirs.topic, sequence: 1 } });
    await eventually(() => theirs.messages.length === 1);
    const live = { sequence: 1, ...NAMES };
    t.match(await worker.call('message.live', { key: ours.topic, ...live }), {
      open: { sub: { state: 'pending' } },
    });
    t.match(await worker.call('message.live', { key: theirs.topic, ...live }), {
      open: { sub: { state: 'in_flight' } },
    });
  },

  "figures are a tenant's own": async (t, worker) => {
    await topicsOf(worker, 'figures');
    const figures = ({ tenant }: Principal) => worker.call('stats', { tenant });
    const totals = ({ tenant }: Principal) => worker.call('log.totals', { tenant });
    const before = [await figures(ANYONE), await totals(ANYONE)] as const;
    const theirs = await worker.subscribe(OTHER.keyOf('figures'), 'sub');
    const rate = (await figures(OTHER)).messagesPerSec;
    for (let n = 0; n < 50; n++) await worker.publish(theirs.topic, n);
    await eventually(() => theirs.messages.length === 50);
    await worker.reject(theirs, 1);
    const after = [await figures(ANYONE), await totals(ANYONE)] as const;
    for (const figure of ['activeSubscribers', 'hotCacheBytes', 'deadLettered'] as const) {
      t.equal(after[0][figure], before[0][figure], figure);
    }
    // A rate moves by itself; of one who never published it is 0.
    t.equal((await figures(NOBODY)).messagesPerSec, 0);
    t.same(after[1], before[1]);
    await eventually(async () => (await figures(OTHER)).deadLettered > 1);
    const { messagesPerSec, hotCacheBytes } = await figures(OTHER);
    t.ok(messagesPerSec > rate && hotCacheBytes > 0);
  },
};

t.test('a restored log gives a topic of one tenant no subscribers of another', async (t) => {
  let restored = (): void => undefined;
  const worker = new WorkerClient((sink) => {
    restored = () => sink.epochChanged();
    return openPostgres(sink);
  }, null);
  await worker.open();
  t.teardown(() => worker.close());
  const ours = await worker.subscribe(ANYONE.keyOf('restored'), null);
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(`UPDATE conduit.topics SET tenant_id = (SELECT id FROM conduit.tenants
    WHERE name = 'other') WHERE name = 'restored'`);
  await client.end();
  restored();
  await eventually(() => ours.ended === UNSUBSCRIBED_TOPIC_DELETED);
});

for (const [where, open] of Object.entries(OPEN)) {
  t.test(where, async (t) => {
    const worker = open();
    await worker.open();
    t.teardown(() => worker.close());
    for (const [name, check] of Object.entries(CHECKS)) t.test(name, (t) => check(t, worker));
  });
}
