// Goal: for what is another tenant's the database is asked the same, and answers the same, as for what is
// not there: no answer is later for one statement more. Method: the statements of each look-up by an id or
// a name.
import pg from 'pg';
import t from 'tap';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { makeApiKey } from '../../src/core/api-key.js';
import { systemClock } from '../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../src/core/limits.js';
import { ANYONE } from '../../src/core/principal.js';
import { makeUuidV7 } from '../../src/core/uuid.js';
import type { LentSession, SessionPool } from '../../src/log/postgres/session/lent-session.js';
import type { Queryable } from '../../src/log/postgres/session/queryable.js';
import { MessageStore } from '../../src/log/postgres/store/message-store.js';
import { OutboxStore } from '../../src/log/postgres/store/outbox-store.js';
import { PostgresSubscriptions } from '../../src/log/postgres/store/postgres-subscriptions.js';
import { TopicStore } from '../../src/log/postgres/store/topic-store.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { GET_SQL } from '../../src/tenant/key-rows.js';
import { openPostgresLog } from '../support/log/postgres-log.js';
import { addOther, OTHER, TENANT } from '../support/tenants/tenants.js';
import { put, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';
import { givenUp, SETTINGS, saveOf } from './subscription-store.js';

const HOUR_MS = 3_600_000;
const ABSENT_ID = 987_654_321;

const server = await startPostgres();
await migrate(server.url);
await addOther(server.url);
t.teardown(() => server.stop());
const pool = new pg.Pool({ connectionString: server.url });
t.teardown(() => pool.end());

/** Keeps what is asked of it. */
class ToldPool implements SessionPool {
  readonly told: string[] = [];

  query<R extends pg.QueryResultRow>(...[statement, values]: Parameters<Queryable['query']>) {
    this.told.push(typeof statement === 'string' ? statement : statement.text);
    return pool.query<R>(statement, values);
  }

  async connect(): Promise<LentSession> {
    const session = await pool.connect();
    return {
      query: <R extends pg.QueryResultRow>(
        ...[statement, values]: Parameters<Queryable['query']>
      ) => {
        this.told.push(typeof statement === 'string' ? statement : statement.text);
        return session.query<R>(statement, values);
      },
      release: (error) => session.release(error),
      on: (event, listener) => session.on(event, listener),
      off: (event, listener) => session.off(event, listener),
    };
  }
}

const told = new ToldPool();
const messages = new MessageStore(told);
const outbox = new OutboxStore(told);
const topics = new TopicStore({ db: told, limits: DEFAULT_LIMITS });
const store = new PostgresSubscriptions(told, () => undefined);

interface Named {
  topic: string;
  topicId: number;
  messageId: Uint8Array;
  deferredId: number;
  letterIds: number[];
  keyId: string;
}

/** What the other tenant has: one of each. */
async function theirs(): Promise<Named> {
  const { log, sink } = await openPostgresLog(server.url, 'theirs');
  t.teardown(() => log.close());
  const { topic } = await log.createTopic(OTHER.keyOf('theirs'), null);
  const append = new TestAppend(topic.id, { payload: text('1') });
  await put({ log, sink }, append);
  const initial = { settings: SETTINGS, cursor: 0 };
  const { record } = await log.subscriptions.take(topic.id, 'sub', initial);
  await log.subscriptions.save([saveOf(record, { deadLetters: [givenUp(1)] })]);
  const filter = { within: topic.key, subscription: null, ids: null };
  const page = { after: 0, limit: 9, bytesMax: 1e6 };
  const letterIds = (await store.listDeadLetters(filter, page)).map(({ id }) => id);
  const { publication } = new TestAppend(topic.id, { payload: text('2') });
  const deferral = { tenant: OTHER.tenant, topicId: topic.id, publication, deliverAtMs: 0 };
  const { record: waits } = await log.defer({ ...deferral, delayMs: HOUR_MS });
  const keyId = makeApiKey().id;
  await pool.query(
    `INSERT INTO conduit.api_keys (id, tenant_id, digest, scopes)
     SELECT $1, id, sha256('1'), '{publish}' FROM conduit.tenants WHERE name = $2`,
    [keyId, OTHER.tenant],
  );
  const { messageId } = append;
  const deferredId = waits?.id ?? 0;
  return { topic: 'theirs', topicId: topic.id, messageId, deferredId, letterIds, keyId };
}

const NONE: Named = {
  ...{ topic: 'nobodys', topicId: ABSENT_ID, messageId: makeUuidV7(systemClock.now(), 0) },
  ...{ deferredId: ABSENT_ID, letterIds: [ABSENT_ID], keyId: makeApiKey().id },
};

const PAGE = { after: 0, limit: 9, bytesMax: 1_000 };
const { publication: LATER } = new TestAppend(0, { payload: text('1') });
const keyed = (name: string) => ANYONE.keyOf(name);
const lettersOf = ({ letterIds: ids }: Named) => ({ within: TENANT, subscription: null, ids });
const lettersIn = ({ topic }: Named) => ({ within: keyed(topic), subscription: 'sub', ids: null });

const ASKS: Readonly<Record<string, (x: Named) => Promise<unknown>>> = {
  'a topic is looked up': ({ topic }) => topics.find(keyed(topic)),
  'topics are looked up': ({ topic }) => topics.findAll([keyed(topic)]),
  'a topic is changed': ({ topic }) =>
    topics.patch(keyed(topic), { hours: 1, messages: null, bytes: null }),
  'a topic is deleted': ({ topic }) => topics.delete(keyed(topic)),
  'a message is looked up': ({ messageId }) => store.findMessage(TENANT, messageId),
  'a message is deferred': async ({ topicId }) => {
    const request = { tenant: TENANT, topicId, publication: LATER, delayMs: 1, deliverAtMs: 0 };
    return outbox.defer(request).catch(({ code }: { code: string }) => code);
  },
  'a deferred message is cancelled': ({ deferredId }) => outbox.cancel(TENANT, deferredId),
  'deferred messages are listed': ({ topic }) => outbox.list(keyed(topic), PAGE),
  'a dead letter is shown': (x) => store.listDeadLetters(lettersOf(x), PAGE),
  'dead letters are counted': (x) => store.countDeadLetters(lettersOf(x)),
  'a dead letter is purged': (x) => store.purgeDeadLetters(lettersOf(x), 9),
  'a dead letter is given back': ({ letterIds }) => store.redrive(TENANT, letterIds),
  'dead letters of a topic are listed': (x) => store.listDeadLetters(lettersIn(x), PAGE),
  'dead letters of a topic are purged': (x) => store.purgeDeadLetters(lettersIn(x), 9),
  'subscriptions are listed': ({ topic }) => store.list(keyed(topic), { after: null, limit: 9 }),
  'figures are asked for': () => messages.totals(TENANT),
  'a key is looked up': async ({ keyId }) => (await told.query(GET_SQL, [keyId, TENANT])).rows,
};

const others = await theirs();
for (const [what, ask] of Object.entries(ASKS)) {
  t.test(`${what}: not yours, and not there`, async (t) => {
    const asked = async (of: Named): Promise<{ statements: string[]; answer: unknown }> => {
      told.told.length = 0;
      const answer = await ask(of);
      return { statements: [...told.told], answer };
    };
    const notYours = await asked(others);
    t.ok(notYours.statements.length > 0);
    t.same(notYours, await asked(NONE));
  });
}

t.test('what was asked for is still there', async (t) => {
  t.ok(await topics.find(OTHER.keyOf('theirs')));
  t.equal((await outbox.list(OTHER.tenant, PAGE)).length, 1);
  t.equal(
    (await store.listDeadLetters({ ...lettersOf(others), within: OTHER.tenant }, PAGE)).length,
    1,
  );
});
