// Goal: what was given up can be listed, exported, given back and purged; durable subscriptions can be
// looked at and moved; every wrong request gets its error and changes nothing. In memory and durable.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
/** So many are kept in memory. */
const KEPT = 20;
const MODES = {
  'in memory': { MEMORY_DEAD_LETTERS_MAX: String(KEPT) },
  durable: { DATABASE_URL: postgres.url },
};
const JSON_TYPE = { 'content-type': 'application/json' };

type Row = Record<string, unknown>;

const ask = (node: TestNode, method: string, path: string, body?: unknown): Promise<Answer> =>
  request(`${node.url}${path}`, {
    method,
    headers: body === undefined ? {} : JSON_TYPE,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

const rowsOf = (answer: Answer, name: string): Row[] => answer.body[name] as Row[];

const lettersOf = async (node: TestNode, query: string): Promise<Row[]> =>
  rowsOf(await ask(node, 'GET', `/api/dead-letters${query}`), 'dead_letters');

/** Publishes `count` messages and has a durable subscription reject them all. */
async function reject(
  node: TestNode,
  topic: string,
  count: number,
  more: Record<string, unknown> = {},
): Promise<Subscriber> {
  const session = await Subscriber.open(node.wsUrl, 'json');
  await session.subscribe(topic, { subscription: 's', ...more });
  session.onMessage = ({ sequence }) => {
    session.send({ type: 'reject', topic, sequence, reason: `no ${String(sequence)}` });
  };
  for (let n = 1; n <= count; n++) {
    const answer = await ask(node, 'POST', '/api/publish', {
      topic,
      payload: { n, text: 'two\nlines' },
    });
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  }
  await eventually(async () => (await lettersOf(node, `?topic=${topic}`)).length === count);
  return session;
}

async function jobDone(node: TestNode, id: unknown): Promise<Row> {
  await eventually(async () => {
    const { body } = await ask(node, 'GET', `/api/jobs/${String(id)}`);
    return body['state'] !== 'running';
  });
  return (await ask(node, 'GET', `/api/jobs/${String(id)}`)).body;
}

for (const [mode, env] of Object.entries(MODES)) {
  const node = await startNode({ ...env, WORKERS: '2' });
  t.teardown(() => node.kill9());

  t.test(`${mode}: dead letters are listed, exported, looked at and purged`, async (t) => {
    const topic = 'dl.list';
    const session = await reject(node, topic, 5);
    const letters = await lettersOf(node, `?topic=${topic}&subscription=s`);
    t.match(letters[1], {
      topic,
      subscription: 's',
      sequence: 2,
      payload: { n: 2 },
      reason: 'rejected',
      attempts: 1,
      last_error: 'no 2',
      redriven_count: 0,
    });
    const first = await ask(node, 'GET', `/api/dead-letters?topic=${topic}&limit=2`);
    t.equal(rowsOf(first, 'dead_letters').length, 2);
    const next = `?topic=${topic}&after=${String(first.body['next'])}`;
    t.same(
      (await lettersOf(node, next)).map((row) => row['sequence']),
      [3, 4, 5],
    );
    const exported = await fetch(`${node.url}/api/dead-letters?topic=${topic}`, {
      headers: { accept: 'application/x-ndjson' },
    });
    const lines = (await exported.text()).trim().split('\n');
    t.equal(lines.length, 5);
    t.match(JSON.parse(lines[0] ?? ''), { payload: { text: 'two\nlines' } });
    t.match(JSON.parse(lines[4] ?? ''), { sequence: 5, subscription: 's' });
    const id = String(letters[0]?.['id']);
    t.match((await ask(node, 'GET', `/api/dead-letters/${id}`)).body, { sequence: 1 });
    t.equal((await ask(node, 'DELETE', `/api/dead-letters/${id}`)).status, 204);
    t.equal((await ask(node, 'DELETE', `/api/dead-letters/${id}`)).status, 404);
    t.equal((await ask(node, 'GET', `/api/dead-letters/${id}`)).status, 404);
    t.same(await lettersOf(node, `?topic=${topic}&subscription=other`), []);
    const ids = [letters[1]?.['id']];
    t.match((await ask(node, 'POST', '/api/dead-letters/purge', { ids })).body, { purged: 1 });
    t.match((await ask(node, 'POST', '/api/dead-letters/purge', { topic })).body, { purged: 3 });
    t.same(await lettersOf(node, `?topic=${topic}`), []);
    session.close();
  });

  t.test(`${mode}: a redrive gives them back to the subscription that failed`, async (t) => {
    const topic = 'dl.redrive';
    const session = await reject(node, topic, 4);
    const other = await Subscriber.open(node.wsUrl, 'json');
    await other.subscribe(topic, { subscription: 'other' });
    session.onMessage = (message) => {
      const { sequence } = message;
      const type = sequence === 4 ? 'reject' : 'ack';
      session.send({ type, topic, sequence });
    };
    session.messages.length = 0;
    const target = { topic, subscription: 's' };
    const started = await ask(node, 'POST', '/api/dead-letters/redrive', target);
    t.equal(started.status, 202);
    t.equal(started.body['matched'], 4);
    t.match(await jobDone(node, started.body['job_id']), { state: 'done', done: 4, total: 4 });
    await eventually(() => session.messages.length === 4);
    t.ok(
      session.messages.every((message) => message['attempt'] === 1),
      'attempts begin anew',
    );
    await eventually(async () => (await lettersOf(node, `?topic=${topic}`)).length === 1);
    t.match(await lettersOf(node, `?topic=${topic}`), [{ sequence: 4, redriven_count: 1 }]);
    t.equal(other.messages.length, 0, 'nobody else gets them');
    session.close();
    await eventually(() => session.closed !== null);
    // With nobody there it waits for the next session.
    const [letter] = await lettersOf(node, `?topic=${topic}`);
    const again = await ask(node, 'POST', '/api/dead-letters/redrive', { ids: [letter?.['id']] });
    t.match(await jobDone(node, again.body['job_id']), { done: 1 });
    const late = await Subscriber.open(node.wsUrl, 'msgpack');
    await late.subscribe(topic, { subscription: 's' });
    await eventually(() => late.messages.length === 1);
    t.match(late.messages[0], { sequence: 4, attempt: 1 });
    late.close();
    other.close();
  });

  t.test(
    `${mode}: a job by ids takes those of every topic, and passes over who is gone`,
    async (t) => {
      const topics = ['dl.m1', 'dl.m2', 'dl.m3', 'dl.m4', 'dl.m5', 'dl.m6'];
      const gone = await Subscriber.open(node.wsUrl, 'json');
      await gone.subscribe('dl.m0', { max_deliver: 1 });
      await ask(node, 'POST', '/api/publish', { topic: 'dl.m0', payload: 1 });
      await eventually(() => gone.messages.length === 1);
      gone.send({ type: 'reject', topic: 'dl.m0', sequence: 1 });
      await eventually(async () => (await lettersOf(node, '?topic=dl.m0')).length === 1);
      gone.close();
      await eventually(() => gone.closed !== null);
      const ids = [(await lettersOf(node, '?topic=dl.m0'))[0]?.['id']];
      for (const topic of topics) {
        (await reject(node, topic, 1)).close();
        ids.push((await lettersOf(node, `?topic=${topic}`))[0]?.['id']);
      }
      const started = await ask(node, 'POST', '/api/dead-letters/redrive', { ids });
      t.equal(started.body['matched'], 6);
      const job = await jobDone(node, started.body['job_id']);
      t.match(job, { state: 'done', done: 6, failed: 1, total: 7 });
      for (const topic of topics) t.same(await lettersOf(node, `?topic=${topic}`), []);
    },
  );

  t.test(`${mode}: an ephemeral one's can be given back while its session lives`, async (t) => {
    const topic = 'dl.ephemeral';
    const session = await Subscriber.open(node.wsUrl, 'seed');
    await session.subscribe(topic, { max_deliver: 1 });
    await ask(node, 'POST', '/api/publish', { topic, payload: 1 });
    await eventually(() => session.messages.length === 1);
    session.send({ type: 'nack', topic, sequence: 1, reason: 'broken' });
    await eventually(async () => (await lettersOf(node, `?topic=${topic}`)).length === 1);
    const [letter] = await lettersOf(node, `?topic=${topic}`);
    t.match(letter, { subscription: null, session: /\S/, reason: 'max_deliver', attempts: 1 });
    const ids = [letter?.['id']];
    const redrive = await ask(node, 'POST', '/api/dead-letters/redrive', { ids });
    t.match(await jobDone(node, redrive.body['job_id']), { done: 1 });
    await eventually(() => session.messages.length === 2);
    session.send({ type: 'nack', topic, sequence: 1 });
    await eventually(async () => (await lettersOf(node, `?topic=${topic}`)).length === 1);
    session.close();
    await eventually(async () => {
      const gone = await ask(node, 'POST', '/api/dead-letters/redrive', { ids });
      return gone.status === 409 && gone.body['code'] === 'subscription_gone';
    });
    t.equal((await lettersOf(node, `?topic=${topic}`)).length, 1, 'it stays where it was');
  });

  t.test(`${mode}: a letter goes back to the session that failed, of several`, async (t) => {
    const topic = 'dl.sessions';
    const sessions = await Promise.all([1, 2, 3].map(() => Subscriber.open(node.wsUrl, 'json')));
    for (const session of sessions) await session.subscribe(topic, { ack_wait_ms: 60_000 });
    await ask(node, 'POST', '/api/publish', { topic, payload: 1 });
    for (const [n, session] of sessions.entries()) {
      await eventually(() => session.messages.length === 1);
      session.send({ type: 'reject', topic, sequence: 1, reason: `session ${n}` });
    }
    await eventually(async () => (await lettersOf(node, `?topic=${topic}`)).length === 3);
    const letters = await lettersOf(node, `?topic=${topic}`);
    t.equal(new Set(letters.map(({ session }) => session)).size, 3, 'each has its name');
    const messageId = String(letters[0]?.['message_id']);
    const { body } = await ask(node, 'GET', `/api/messages/${messageId}`);
    const failures = body['failures'] as Row[];
    t.same(
      new Set(failures.map(({ session, reason }) => `${String(session)} ${String(reason)}`)),
      new Set(letters.map((row) => `${String(row['session'])} ${String(row['last_error'])}`)),
    );
    const redrive = (n: number): Promise<Answer> => {
      const letter = letters.find((row) => row['last_error'] === `session ${n}`);
      return ask(node, 'POST', '/api/dead-letters/redrive', { ids: [letter?.['id']] });
    };
    for (const n of [1, 2]) {
      const started = await redrive(n);
      t.match(await jobDone(node, started.body['job_id']), { done: 1 });
      await eventually(() => sessions[n]?.messages.length === 2);
    }
    t.equal(sessions[0]?.messages.length, 1, 'nobody else gets it');
    sessions[0]?.close();
    await eventually(() => sessions[0]?.closed !== null);
    t.match((await redrive(0)).body, { code: 'subscription_gone' }, 'though others are there');
    for (const session of sessions) session.close();
  });

  t.test(`${mode}: the trace says which session of a subscription has a message`, async (t) => {
    const topic = 'trace.sessions';
    const sessions = await Promise.all([1, 2].map(() => Subscriber.open(node.wsUrl, 'json')));
    for (const session of sessions) {
      await session.subscribe(topic, { subscription: 's', ack_wait_ms: 60_000 });
    }
    const holderOf = async (id: unknown): Promise<unknown> => {
      const { body } = await ask(node, 'GET', `/api/messages/${String(id)}`);
      const [delivery] = body['deliveries'] as Row[];
      t.match(delivery, { subscription: 's', state: 'in_flight', session: /\S/ });
      return delivery?.['session'];
    };
    for (let n = 1; n <= 4; n++) await ask(node, 'POST', '/api/publish', { topic, payload: n });
    await eventually(() => sessions.every(({ messages }) => messages.length === 2));
    const holders = [];
    for (const { messages } of sessions) {
      const [first, second] = messages;
      const holder = await holderOf(first?.['message_id']);
      t.equal(await holderOf(second?.['message_id']), holder);
      holders.push(holder);
    }
    t.not(holders[0], holders[1]);
    for (const session of sessions) session.close();
  });

  t.test(`${mode}: durable subscriptions are listed, moved, paused and deleted`, async (t) => {
    const topic = 'sub.api';
    const session = await Subscriber.open(node.wsUrl, 'json');
    for (const subscription of ['a', 'b']) await session.subscribe(topic, { subscription });
    for (let n = 1; n <= 3; n++) await ask(node, 'POST', '/api/publish', { topic, payload: n });
    await eventually(() => session.messages.length === 6);
    session.send({ type: 'ack', topic, sequence: 1, subscription: 'a', ref: 1 });
    await session.waitFor((frame) => frame['ref'] === 1);
    const path = `/api/subscriptions/${topic}/a`;
    const got = await ask(node, 'GET', path);
    const shape = { topic, name: 'a', ack_floor: 1, delivered: 3, lag: 2, in_flight: 2 };
    t.match(got.body, {
      ...shape,
      sessions: 1,
      paused: false,
      ack_wait_ms: 1_000,
      ordering: 'none',
    });
    t.type(got.body['oldest_unacked_ms'], 'number');
    const listed = await ask(node, 'GET', `/api/subscriptions?topic=${topic}&limit=1`);
    t.match(rowsOf(listed, 'subscriptions'), [{ name: 'a' }]);
    const next = encodeURIComponent(String(listed.body['next']));
    const rest = await ask(node, 'GET', `/api/subscriptions?topic=${topic}&after=${next}`);
    t.match(rowsOf(rest, 'subscriptions'), [{ name: 'b' }]);
    const patched = await ask(node, 'PATCH', path, { ack_wait_ms: 60_000, max_deliver: 2 });
    t.match(patched.body, { ack_wait_ms: 60_000, max_deliver: 2 });
    t.match((await ask(node, 'POST', `${path}/pause`)).body, { paused: true });
    await ask(node, 'POST', '/api/publish', { topic, payload: 4 });
    const ofA = (): unknown[] =>
      session.messages.flatMap((m) => (m['subscription'] === 'a' ? [m['sequence']] : []));
    await eventually(() => session.messages.some((m) => m['sequence'] === 4));
    t.notOk(ofA().includes(4), 'nothing comes while it is paused');
    t.match((await ask(node, 'POST', `${path}/resume`)).body, { paused: false });
    await eventually(() => ofA().includes(4));
    session.messages.length = 0;
    t.match((await ask(node, 'POST', `${path}/seek`, { sequence: 2 })).body, { ack_floor: 1 });
    await eventually(() => ofA().length === 3);
    t.same(ofA(), [2, 3, 4]);
    t.match((await ask(node, 'POST', `${path}/seek`, { from: 'latest' })).body, { lag: 0 });
    t.equal((await ask(node, 'DELETE', path)).status, 204);
    const told = await session.waitFor((f) => f.type === 'unsubscribed');
    t.match(told, { topic, subscription: 'a', reason: 'subscription_deleted' });
    t.equal((await ask(node, 'GET', path)).status, 404);
    session.close();
  });

  t.test(`${mode}: what became of a message`, async (t) => {
    const topic = 'trace';
    const session = await reject(node, topic, 1);
    const other = await Subscriber.open(node.wsUrl, 'json');
    await other.subscribe(topic, { subscription: 'other', start: { from: 'earliest' } });
    await eventually(() => other.messages.length === 1);
    const id = String(other.messages[0]?.['message_id']);
    other.send({ type: 'ack', message_id: id, ref: 'a' });
    await other.waitFor((frame) => frame['ref'] === 'a');
    const { body } = await ask(node, 'GET', `/api/messages/${id}`);
    t.match(body, { message_id: id, topic, sequence: 1, payload: { n: 1 } });
    const deliveries = body['deliveries'] as Row[];
    t.match(
      deliveries.find((row) => row['subscription'] === 's'),
      { state: 'dead_lettered', reason: 'rejected', attempt: 1 },
    );
    t.match(
      deliveries.find((row) => row['subscription'] === 'other'),
      { state: 'acked' },
    );
    t.match(body['failures'], [{ subscription: 's', outcome: 'rejected', reason: 'no 1' }]);
    session.close();
    other.close();
  });

  t.test(`${mode}: what is wrong gets its error`, async (t) => {
    const uuid = '019a0000-0000-7000-8000-000000000000';
    const one = '/api/subscriptions/sub.api/b';
    const wrong: [string, string, unknown, number, string][] = [
      ['GET', '/api/dead-letters?limit=0', undefined, 400, 'invalid_query'],
      ['GET', '/api/dead-letters?limit=1001', undefined, 400, 'invalid_query'],
      ['GET', '/api/dead-letters?after=x', undefined, 400, 'invalid_query'],
      ['GET', '/api/dead-letters?what=1', undefined, 400, 'invalid_query'],
      ['GET', '/api/dead-letters?topic=a..b', undefined, 400, 'topic_chars'],
      ['GET', '/api/dead-letters?topic=a&subscription=%20', undefined, 400, 'invalid_field'],
      ['GET', '/api/dead-letters/x', undefined, 404, 'dead_letter_not_found'],
      ['GET', '/api/dead-letters/999999', undefined, 404, 'dead_letter_not_found'],
      ['PUT', '/api/dead-letters/1', undefined, 405, 'method_not_allowed'],
      ['POST', '/api/dead-letters/redrive', {}, 400, 'invalid_field'],
      ['POST', '/api/dead-letters/redrive', { topic: 'a' }, 400, 'invalid_field'],
      ['POST', '/api/dead-letters/redrive', { ids: [] }, 400, 'invalid_field'],
      ['POST', '/api/dead-letters/redrive', { ids: [1.5] }, 400, 'invalid_field'],
      ['POST', '/api/dead-letters/redrive', { ids: [1], topic: 'a' }, 400, 'invalid_field'],
      ['POST', '/api/dead-letters/redrive', { ids: [1], rate_per_s: 0 }, 400, 'invalid_field'],
      ['POST', '/api/dead-letters/redrive', { ids: [1], limit: 'x' }, 400, 'invalid_field'],
      ['POST', '/api/dead-letters/redrive', { ids: [1], other: 1 }, 400, 'invalid_field'],
      ['POST', '/api/dead-letters/redrive', { ids: [987654321] }, 404, 'dead_letter_not_found'],
      ['POST', '/api/dead-letters/redrive', [], 400, 'body_must_be_object'],
      ['POST', '/api/dead-letters/purge', {}, 400, 'invalid_field'],
      ['GET', `/api/jobs/${uuid}`, undefined, 404, 'job_not_found'],
      ['DELETE', '/api/jobs/x', undefined, 404, 'job_not_found'],
      ['GET', '/api/messages/x', undefined, 400, 'invalid_field'],
      ['GET', `/api/messages/${uuid}`, undefined, 404, 'message_not_found'],
      ['GET', '/api/subscriptions?after=x', undefined, 400, 'invalid_query'],
      ['GET', '/api/subscriptions/sub.api/nobody', undefined, 404, 'subscription_not_found'],
      ['GET', '/api/subscriptions/nowhere/b', undefined, 404, 'topic_not_found'],
      ['GET', '/api/subscriptions/sub.api/%20', undefined, 400, 'invalid_field'],
      ['GET', '/api/subscriptions/sub.api/%E0%A4%A', undefined, 400, 'invalid_field'],
      ['DELETE', '/api/subscriptions/sub.api/nobody', undefined, 404, 'subscription_not_found'],
      ['PATCH', one, { ordering: 'key' }, 400, 'invalid_field'],
      ['PATCH', one, { ack_wait_ms: 0 }, 400, 'invalid_field'],
      ['PATCH', one, { max_deliver: 1_001 }, 400, 'invalid_field'],
      ['POST', `${one}/seek`, {}, 400, 'bad_cursor'],
      ['POST', `${one}/seek`, { sequence: 1_000 }, 400, 'bad_cursor'],
      ['POST', `${one}/seek`, { sequence: -1 }, 400, 'invalid_field'],
      ['POST', `${one}/seek`, { time: 'soon' }, 400, 'bad_cursor'],
      ['POST', `${one}/seek`, { from: 'middle' }, 400, 'bad_cursor'],
      ['POST', `${one}/seek`, { from: 'latest', sequence: 1 }, 400, 'bad_cursor'],
      ['POST', `${one}/seek`, { sequence: 1, epoch: 'NO' }, 400, 'bad_cursor'],
      ['POST', '/api/subscriptions/sub.api/nobody/pause', undefined, 404, 'subscription_not_found'],
      ['GET', `${one}/pause`, undefined, 405, 'method_not_allowed'],
    ];
    const before = (await ask(node, 'GET', one)).body;
    for (const [method, path, body, status, code] of wrong) {
      const answer = await ask(node, method, path, body);
      t.match({ status: answer.status, ...answer.body }, { status, code }, `${method} ${path}`);
    }
    const text = await request(`${node.url}/api/dead-letters/purge`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: '{}',
    });
    t.equal(text.status, 415);
    const { oldest_unacked_ms: _, ...after } = (await ask(node, 'GET', one)).body;
    t.match(before, after, 'nothing has changed');
  });

  t.test(`${mode}: dead letters that give way to newer ones are counted`, async (t) => {
    const topic = 'dl.full';
    const session = await reject(node, topic, KEPT);
    const evicted = async (): Promise<number> =>
      Number((await ask(node, 'GET', '/api/stats')).body['dead_letters_evicted']);
    const before = await evicted();
    await ask(node, 'POST', '/api/publish', { topic, payload: { n: KEPT + 1 } });
    const newest = async (): Promise<unknown> =>
      (await lettersOf(node, `?topic=${topic}`)).at(-1)?.['sequence'];
    await eventually(async () => (await newest()) === KEPT + 1);
    t.equal((await evicted()) - before, mode === 'in memory' ? 1 : 0);
    session.close();
  });
}
