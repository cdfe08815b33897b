// Goal: a dead letter that is given back is delivered, whatever became of its message and of those who
// take it; else the job says that it failed, and the dead letter is still there. In memory and durable.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const MODES = { 'in memory': {}, durable: { DATABASE_URL: postgres.url } };
const TTL_MS = 400;

type Row = Record<string, unknown>;

const ask = (node: TestNode, method: string, path: string, body?: unknown): Promise<Answer> =>
  request(`${node.url}${path}`, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

const lettersOf = async (node: TestNode, topic: string): Promise<Row[]> =>
  (await ask(node, 'GET', `/api/dead-letters?topic=${topic}`)).body['dead_letters'] as Row[];

const lettersAre = (node: TestNode, topic: string, count: number): Promise<void> =>
  eventually(async () => (await lettersOf(node, topic)).length === count);

/** A session with a dead letter of sequence 1, whose time to live has passed. */
async function expiredLetter(
  node: TestNode,
  topic: string,
  options: Record<string, unknown>,
): Promise<Subscriber> {
  const session = await Subscriber.open(node.wsUrl, 'json');
  await session.subscribe(topic, options);
  await ask(node, 'POST', '/api/publish', { topic, payload: 'precious', ttl_ms: TTL_MS });
  await eventually(() => session.messages.length === 1);
  session.send({ type: 'reject', topic, sequence: 1, reason: 'bad' });
  await lettersAre(node, topic, 1);
  const until = Date.parse(String(session.messages[0]?.['published_at'])) + TTL_MS;
  await eventually(() => Date.now() > until);
  session.messages.length = 0;
  return session;
}

/** Starts a job for the topic's dead letters, and waits for its end. */
async function redrive(node: TestNode, topic: string): Promise<Row> {
  const ids = (await lettersOf(node, topic)).map(({ id }) => id);
  const started = await ask(node, 'POST', '/api/dead-letters/redrive', { ids });
  if (started.status !== 202) return started.body;
  const path = `/api/jobs/${String(started.body['job_id'])}`;
  await eventually(async () => (await ask(node, 'GET', path)).body['state'] !== 'running');
  return (await ask(node, 'GET', path)).body;
}

/** A job that gives back one of three a second, has done so with the first, and goes on: its path. */
async function slowJob(node: TestNode, topic: string): Promise<string> {
  const session = await Subscriber.open(node.wsUrl, 'json');
  await session.subscribe(topic, { subscription: 's' });
  session.onMessage = ({ sequence }) => session.send({ type: 'reject', topic, sequence });
  for (let n = 1; n <= 3; n++) await ask(node, 'POST', '/api/publish', { topic, payload: n });
  await lettersAre(node, topic, 3);
  session.onMessage = null;
  const body = { topic, subscription: 's', rate_per_s: 1 };
  const started = await ask(node, 'POST', '/api/dead-letters/redrive', body);
  const path = `/api/jobs/${String(started.body['job_id'])}`;
  await eventually(async () => Number((await ask(node, 'GET', path)).body['done']) > 0);
  return path;
}

const DONE = { state: 'done', done: 1, failed: 0 };

// All of them first: tests that have ended end the file while a node starts.
const nodes: { mode: string; node: TestNode }[] = [];
for (const [mode, env] of Object.entries(MODES)) nodes.push({ mode, node: await startNode(env) });
t.teardown(() => Promise.all(nodes.map(({ node }) => node.kill9())));

for (const { mode, node } of nodes) {
  for (const [kind, options] of Object.entries({
    durable: { subscription: 's', ack_wait_ms: 5_000 },
    shared: { subscription: 's', ordering: 'key', ack_wait_ms: 5_000 },
    ephemeral: { ack_wait_ms: 5_000 },
  })) {
    t.test(`${mode}: an expired one of a ${kind} subscription is delivered`, async (t) => {
      const topic = `expired.${kind}`;
      const session = await expiredLetter(node, topic, options);
      t.match(await redrive(node, topic), DONE);
      await eventually(() => session.messages.length === 1);
      t.match(session.messages[0], { sequence: 1, attempt: 1, payload: 'precious' });
      session.send({ type: 'nack', topic, sequence: 1, delay_ms: 0 });
      await eventually(() => session.messages.length === 2);
      t.match(session.messages[1], { attempt: 2 }, 'and again');
      session.send({ type: 'reject', topic, sequence: 1 });
      await lettersAre(node, topic, 1);
      t.match(await lettersOf(node, topic), [{ redriven_count: 1 }]);
      t.match(await redrive(node, topic), DONE);
      await eventually(() => session.messages.length === 3);
      session.send({ type: 'ack', topic, sequence: 1, ref: 'settled' });
      await session.waitFor(({ ref }) => ref === 'settled');
      t.same(await lettersOf(node, topic), []);
      session.close();
    });
  }

  t.test(`${mode}: an expired one waits for the next session, and for a resume`, async (t) => {
    const topic = 'expired.later';
    const session = await expiredLetter(node, topic, { subscription: 's' });
    session.close();
    await eventually(() => session.closed !== null);
    t.match(await redrive(node, topic), DONE);
    const path = `/api/subscriptions/${topic}/s`;
    t.equal((await ask(node, 'POST', `${path}/pause`)).status, 200);
    const late = await Subscriber.open(node.wsUrl, 'json');
    await late.subscribe(topic, { subscription: 's' });
    t.same(late.messages, []);
    t.equal((await ask(node, 'POST', `${path}/resume`)).status, 200);
    await eventually(() => late.messages.length === 1);
    t.match(late.messages[0], { sequence: 1, attempt: 1, payload: 'precious' });
    late.close();
  });

  t.test(`${mode}: one that retention has passed is delivered from its copy`, async (t) => {
    const topic = 'retained';
    const session = await expiredLetter(node, topic, { subscription: 's' });
    await ask(node, 'PATCH', `/api/topics/${topic}`, { retention: { messages: 1 } });
    await ask(node, 'POST', '/api/publish', { topic, payload: 2 });
    await eventually(() => session.messages.length === 1);
    t.match(await redrive(node, topic), DONE);
    await eventually(() => session.messages.length === 2);
    t.match(session.messages[1], { sequence: 1, payload: 'precious' });
    session.close();
  });

  t.test(
    `${mode}: what its session has not settled at its end is a dead letter again`,
    async (t) => {
      const topic = 'returned';
      const session = await expiredLetter(node, topic, {});
      t.match(await redrive(node, topic), DONE);
      await eventually(() => session.messages.length === 1);
      t.same(await lettersOf(node, topic), [], 'it is with its session');
      session.socket.terminate();
      await lettersAre(node, topic, 1);
      t.match(await redrive(node, topic), { code: 'subscription_gone' });
      t.equal((await lettersOf(node, topic)).length, 1);
    },
  );

  t.test(`${mode}: one whose message is still to come fails, and stays`, async (t) => {
    const topic = 'sought';
    const session = await expiredLetter(node, topic, { subscription: 's' });
    await ask(node, 'POST', `/api/subscriptions/${topic}/s/pause`);
    await ask(node, 'POST', `/api/subscriptions/${topic}/s/seek`, { from: 'earliest' });
    t.match(await redrive(node, topic), { state: 'done', done: 0, failed: 1, total: 1 });
    t.equal((await lettersOf(node, topic)).length, 1);
    await ask(node, 'POST', `/api/subscriptions/${topic}/s/resume`);
    await ask(node, 'POST', '/api/publish', { topic, payload: 2 });
    await eventually(() => session.messages.some(({ sequence }) => sequence === 2));
    t.match(await redrive(node, topic), DONE, 'once it was passed over it can be given back');
    await eventually(() => session.messages.some(({ sequence }) => sequence === 1));
    session.close();
  });

  for (const what of ['subscription', 'topic']) {
    t.test(
      `${mode}: a ${what} that is deleted fails what the job has not given back`,
      async (t) => {
        const topic = `gone.${what}`;
        const path = await slowJob(node, topic);
        const gone = what === 'topic' ? `/api/topics/${topic}` : `/api/subscriptions/${topic}/s`;
        t.equal((await ask(node, 'DELETE', gone)).status, 204);
        await eventually(async () => (await ask(node, 'GET', path)).body['state'] === 'done');
        const { done, failed, total } = (await ask(node, 'GET', path)).body;
        // On a busy machine the second was given back before the deletion.
        t.ok(Number(failed) > 0 && Number(done) + Number(failed) === 3, `${done} and ${failed}`);
        t.equal(total, 3);
      },
    );
  }

  t.test(`${mode}: a node ends in order while a job goes on slowly`, async (t) => {
    await slowJob(node, 'slow');
    t.equal(await node.stop(), 0);
  });
}
