// Goal: a topic is moved to another database under load, at two nodes: nothing is lost or comes out of order,
// sessions stay, positions stay good; a publish that comes at that moment is told to come again. A node that
// is killed at any step of a move leaves the topic whole, at one of both, and another ends what it began.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import type { TestNode } from '../../native-bench/rig/node.js';
import type { Answer } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { JudgedGroup } from '../support/delivery/judged-group.js';
import { runCommand } from '../support/nodes/command.js';
import { ask, postJson, publish, SECRET, startReachable } from '../support/nodes/node-pair.js';
import { startCutProxy } from '../support/servers/cut-proxy.js';
import { standStill } from '../support/servers/stand-still.js';
import { namesAt, startTwoDatabases } from '../support/servers/two-databases.js';

t.setTimeout(600_000);
const databases = await startTwoDatabases(t);
const proxy = await startCutProxy(databases.postgres.port);
t.teardown(() => proxy.close());
const through = new URL(databases.urls[1]);
through.port = String(proxy.port);
const env = {
  ...{ DATABASE_URL: `${databases.urls[0]} ${through.href}`, INTERNAL_SECRET: SECRET },
  ...{ ACK_WAIT_MS: '20000' },
};

async function start(id: string, workers: string): Promise<TestNode> {
  const node = await startReachable({ ...env, NODE_ID: id, WORKERS: workers });
  t.teardown(() => node.kill9());
  return node;
}

const a = await start('a', '1');
const b = await start('b', '2');

const move = (node: TestNode, topic: string, database: unknown): Promise<Answer> =>
  postJson(node, `/api/topics/${topic}/move`, { database });

/** To its end. */
async function moved(node: TestNode, topic: string, database: number): Promise<void> {
  await eventually(async () => {
    const { status, body } = await move(node, topic, database);
    if (status !== 200) throw new Error(JSON.stringify(body));
    return body['state'] === 'moved';
  }, 60_000);
}

const nameAt = (place: 0 | 1, prefix: string): string => namesAt(place, prefix, 1)[0] ?? '';

/** Of frames: what a session would have to do something about. */
const ENDS = ['gap', 'unsubscribed', 'disconnect', 'error'];

async function made(node: TestNode, name: string): Promise<void> {
  const { status, body } = await postJson(node, '/api/topics', { name });
  if (status !== 201) throw new Error(JSON.stringify(body));
}

/** All of them, by a node that is asked. */
async function numbers(node: TestNode, topic: string): Promise<number[]> {
  const read = () => ask(node, `/api/topics/${topic}/messages?limit=500`);
  let { status, body } = await read();
  // Somebody has yet to end the move.
  await eventually(async () => {
    if (status === 503) ({ status, body } = await read());
    return status !== 503;
  });
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
  return (body['messages'] as { payload: { n: number } }[]).map(({ payload }) => payload.n);
}

t.test('under load, to the first and back: nobody notices but publishers', async (t) => {
  const topic = nameAt(1, 'load');
  const group = new JudgedGroup(topic);
  const members = [await group.join(a), await group.join(b, { format: 'msgpack' })];
  const live = await Promise.all([Subscriber.open(a.wsUrl, 'json'), Subscriber.open(b.wsUrl)]);
  for (const session of live) t.equal((await session.subscribe(topic)).type, 'subscribed');
  const publishers = [group.publishAt(a, 'a'), group.publishAt(b, 'b')];
  await group.flows(members);
  const left = await Subscriber.open(b.wsUrl, 'json');
  const { epoch } = await left.subscribe(topic);
  await eventually(() => (left.sequences.get(topic)?.length ?? 0) > 5);
  left.close();
  const last = left.sequences.get(topic)?.at(-1) ?? 0;
  const rowOf = async (place: number): Promise<unknown> =>
    (await databases.query(place, 'SELECT place FROM conduit.topics WHERE name = $1', [topic]))[0];
  t.same(await rowOf(0), { place: 1 });

  await moved(a, topic, 1);
  t.same(await rowOf(0), { place: 0 }, 'the first knows');
  const before = publishers.map((one) => one.acked().length);
  await eventually(() => publishers.every((one, n) => one.acked().length > (before[n] ?? 0) + 20));
  await group.flows(members);
  await moved(b, topic, 2);
  t.same(await rowOf(0), { place: 1 });
  await group.flows(members);

  const back = await Subscriber.open(a.wsUrl, 'json');
  const answer = await back.subscribe(topic, { start: { epoch, sequence: last + 1 } });
  t.match(
    answer,
    { type: 'subscribed', recovered: true },
    'a position of before both moves is good',
  );
  await eventually(() => (back.sequences.get(topic)?.length ?? 0) > 20);
  t.equal(back.sequences.get(topic)?.[0], last + 1);

  t.same(await group.end(b), [], 'lost, doubled, out of order: nothing');
  const statuses = new Set(publishers.flatMap(({ history }) => history.map((one) => one.status)));
  t.ok(
    [...statuses].every((status) => status === 200 || status === 503),
    [...statuses].join(),
  );
  for (const session of [...live, back]) {
    t.same(session.disorder, []);
    const told = session.control.filter(({ type }) => ENDS.includes(type));
    t.same(told, [], 'no gap, and nobody has to subscribe again');
    const got = session.sequences.get(topic) ?? [];
    await eventually(() => got.at(-1) === group.sent);
    t.equal(got.length, group.sent - (got[0] ?? 0) + 1, 'each once');
    session.close();
  }
  t.same(
    members.flatMap(({ told }) => told.filter(({ type }) => ENDS.includes(type))),
    [],
    'sessions of the group stay, too',
  );
});

t.test('what is asked wrongly, and the command', async (t) => {
  const topic = nameAt(1, 'asked');
  await made(b, topic);
  await publish(a, { topic, payload: { n: 1 } });
  const cases: [string, unknown, number, string][] = [
    [topic, 3, 400, 'invalid_field'],
    [topic, 0, 400, 'invalid_field'],
    [topic, 'two', 400, 'invalid_field'],
    ['nowhere', 1, 404, 'topic_not_found'],
  ];
  for (const [name, database, status, code] of cases) {
    const answer = await move(a, name, database);
    t.match([answer.status, answer.body], [status, { code }], JSON.stringify(answer.body));
  }
  t.match((await move(a, topic, 3)).body, { field: 'database', detail: /names 1 to 2/ });
  t.match(await move(b, topic, 2), { status: 200, body: { state: 'moved', from: 2, to: 2 } });
  const line = { CONDUIT_URL: a.url };
  const run = await runCommand(['topics', 'move', topic, '1', '--json'], line);
  t.equal(run.code, 0, run.stderr);
  t.match(JSON.parse(run.stdout), { topic, to: 1, state: 'moved' });
  t.equal((await runCommand(['topics', 'move', topic, '7'], line)).code, 1);
  t.equal((await runCommand(['topics', 'move', topic, 'second'], line)).code, 2);

  t.teardown(() => {
    proxy.door = 'open';
  });
  proxy.door = 'closed';
  proxy.cut();
  const away = await move(a, topic, 2);
  t.match([away.status, away.body], [503, { code: 'log_unavailable' }]);
  const kept = await postJson(b, '/api/publish', { topic, payload: { n: 2 } });
  t.equal(kept.status, 200, 'it is where it was, and every node knows');
  proxy.door = 'open';
  await eventually(async () => (await ask(a, '/api/health')).status === 200, 30_000);
  t.same(await numbers(a, topic), [1, 2]);
});

/** Where a move stands still: whatever fires the trigger waits, in the database at that place. */
interface Step {
  name: string;
  from: 0 | 1;
  at: 'from' | 'to';
  trigger: string;
  /** What a publish is told meanwhile, at another node. */
  publish: number;
}

const COPYING = 'BEFORE INSERT ON conduit.messages FOR EACH ROW WHEN (NEW.topic_id = $id)';
const FOLLOWING = 'BEFORE INSERT ON conduit.subscriptions FOR EACH ROW WHEN (NEW.topic_id = $id)';
const LEAVING = `BEFORE UPDATE ON conduit.topics FOR EACH ROW
  WHEN (NEW.id = $id AND NEW.moved_to IS DISTINCT FROM OLD.moved_to)`;
const ARRIVING = `BEFORE UPDATE ON conduit.topics FOR EACH ROW
  WHEN (NEW.id = $id AND OLD.arriving_from IS NOT NULL AND NEW.arriving_from IS NULL)`;

const STEPS: readonly Step[] = [
  { name: 'copying', from: 1, at: 'to', trigger: COPYING, publish: 200 },
  { name: 'following', from: 1, at: 'to', trigger: FOLLOWING, publish: 503 },
  { name: 'leaving', from: 1, at: 'from', trigger: LEAVING, publish: 503 },
  { name: 'arriving', from: 1, at: 'to', trigger: ARRIVING, publish: 503 },
  { name: 'leaving', from: 0, at: 'from', trigger: LEAVING, publish: 503 },
  { name: 'arriving', from: 0, at: 'to', trigger: ARRIVING, publish: 503 },
];

for (const { name, from, at, trigger, publish: told } of STEPS) {
  t.test(`a node is killed while it is ${name}, from database ${from + 1}`, async (t) => {
    const to = from === 0 ? 1 : 0;
    const topic = nameAt(from, `killed.${name}.${from}`);
    const moving = await start(`m-${name}-${from}`, '1');
    const sent = [1, 2, 3, 4, 5];
    await made(a, topic);
    for (const n of sent) await publish(moving, { topic, payload: { n } });
    await postJson(moving, '/api/publish', { topic, payload: { n: 99 }, delay_ms: 3_600_000 });
    const reader = await Subscriber.open(b.wsUrl, 'json');
    const options = { subscription: 'kept', start: { from: 'earliest' } };
    t.equal((await reader.subscribe(topic, options)).type, 'subscribed');
    await eventually(() => reader.messages.length === 5);
    for (const sequence of [1, 2])
      reader.send({ type: 'ack', topic, sequence, ref: `${sequence}` });
    await reader.waitFor(({ type, ref }) => type === 'acked' && ref === '2');

    const [{ id = '0' } = {}] = await databases.query<{ id: string }>(
      from,
      'SELECT id FROM conduit.topics WHERE name = $1',
      [topic],
    );
    const place = at === 'from' ? from : to;
    const still = await standStill(t, databases.urls[place], trigger.replaceAll('$id', id));
    const asked = move(moving, topic, to + 1).catch(() => null);
    await eventually(() => still.reached());
    const other = await move(a, topic, to + 1);
    if (name !== 'arriving') t.match([other.status, other.body], [409, { code: 'topic_moving' }]);
    const meanwhile = await postJson(a, '/api/publish', { topic, payload: { n: 6 } });
    t.equal(meanwhile.status, told, JSON.stringify(meanwhile.body));
    if (told === 200) sent.push(6);
    else
      t.match([meanwhile.body, meanwhile.headers['retry-after']], [{ code: 'topic_busy' }, /\d/]);
    await moving.kill9();
    await asked;
    await still.end();

    await eventually(async () => {
      const { status } = await postJson(a, '/api/publish', { topic, payload: { n: 7 } });
      return status === 200;
    }, 30_000);
    sent.push(7);
    t.same(await numbers(b, topic), sent, 'whole');
    const marks = 'SELECT id FROM conduit.topics WHERE arriving_from IS NOT NULL';
    await eventually(async () => {
      const left = await Promise.all([databases.query(0, marks), databases.query(1, marks)]);
      return left.flat().length === 0;
    }, 20_000);
    const counted = `SELECT (SELECT count(*) FROM conduit.outbox WHERE topic_id = $1)
      + (SELECT count(*) FROM conduit.subscriptions WHERE topic_id = $1) AS n`;
    const counts = await Promise.all(
      [0, 1].map((at) => databases.query<{ n: string }>(at, counted, [id])),
    );
    const where = name === 'arriving' ? to : from;
    t.same(
      counts.flat().map(({ n }) => Number(n)),
      where === 0 ? [2, 0] : [0, 2],
      'at one place',
    );
    await eventually(() =>
      reader.messages.some(({ payload }) => (payload as { n: number }).n === 7),
    );
    t.same(reader.disorder, []);
    t.same(
      reader.control.filter(({ type }) => type === 'gap'),
      [],
    );
    for (const { sequence } of reader.messages) {
      reader.send({ type: 'ack', topic, sequence, ref: `all-${String(sequence)}` });
    }
    const standing = async (): Promise<unknown> =>
      (await ask(a, `/api/subscriptions/${topic}/kept`)).body['ack_floor'];
    await eventually(async () => (await standing()) === sent.length, 20_000);
    reader.close();
    await moved(a, topic, to + 1);
    t.same(await numbers(a, topic), sent, 'and it can be moved again');
    t.equal(await standing(), sent.length);
  });
}
