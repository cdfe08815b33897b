// Goal: quotas of a tenant, as its clients and the operator meet them: set and shown, in force within a
// second, refused by name; a tenant without any sees nothing of it, and a quiet one nothing of a noisy one.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { EventStream } from '../support/clients/event-stream.js';
import { request } from '../support/clients/publisher.js';
import { type Frame, Subscriber } from '../support/clients/subscriber.js';
import { ADMIN_KEY, startKeyedNode } from '../support/nodes/keyed-node.js';

const NONE = {
  messages_per_s: null,
  bytes_per_s: null,
  deliveries_per_s: null,
  sessions: null,
  subscriptions: null,
  topics: null,
  stored_bytes: null,
};

const node = await startKeyedNode();
t.teardown(() => node.kill9());
const { ask } = node;

interface Owner {
  key: string;
  set(quotas: object): Promise<void>;
  publish(topic: string, payload?: unknown): Promise<Awaited<ReturnType<typeof ask>>>;
}

let tenants = 0;

/** A tenant of its own, with these quotas, its topic `a`, and a key for all of it. */
async function owner(quotas: object = {}): Promise<Owner & { tenant: string }> {
  const tenant = `t${++tenants}`;
  const { key } = await node.makeTenantKey(tenant);
  await ask('POST /api/topics', key, { name: 'a' });
  const set = async (changes: object): Promise<void> => {
    const answer = await ask(`PATCH /api/tenants/${tenant}`, ADMIN_KEY, { quotas: changes });
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    // The acceptor is told on another way than it is answered: by now it was.
    await ask('GET /api/topics', key);
  };
  await set(quotas);
  const publish: Owner['publish'] = (topic, payload = 1) =>
    ask('POST /api/publish', key, { topic, payload });
  return { tenant, key, set, publish };
}

function batch(key: string, count: number) {
  const messages = Array.from({ length: count }, () => ({ topic: 'a', payload: 1 }));
  return ask('POST /api/publish/batch', key, { messages });
}

t.test('they are set, shown and lifted by the operator', async (t) => {
  const body = { name: 'shown', quotas: { messages_per_s: 10, topics: 3, sessions: null } };
  const set = { ...NONE, messages_per_s: 10, topics: 3 };
  t.match(await ask('POST /api/tenants', ADMIN_KEY, body), { status: 201, body: { quotas: set } });
  const patched = await ask('PATCH /api/tenants/shown', ADMIN_KEY, {
    quotas: { messages_per_s: null, stored_bytes: 2 ** 40 },
  });
  const now = { ...NONE, topics: 3, stored_bytes: 2 ** 40 };
  t.match(patched, { status: 200, body: { name: 'shown', quotas: now } });
  const { body: listed } = await ask('GET /api/tenants', ADMIN_KEY);
  const shown = listed['tenants'] as { name: string; quotas: object }[];
  t.same(shown.find(({ name }) => name === 'shown')?.quotas, now);
  t.same(shown.find(({ name }) => name === 'default')?.quotas, NONE);
  t.match(await ask('PATCH /api/tenants/nowhere', ADMIN_KEY, { quotas: {} }), {
    ...{ status: 404, body: { code: 'tenant_not_found' } },
  });
  t.same(node.surprises, []);
});

t.test('what is wrong with one is said by its field', async (t) => {
  const wrong: [object, string][] = [
    [{}, 'quotas'],
    [{ quotas: 5 }, 'quotas'],
    [{ quotas: [] }, 'quotas'],
    [{ quotas: { messages: 5 } }, 'quotas.messages'],
    [{ quotas: { messages_per_s: 0 } }, 'quotas.messages_per_s'],
    [{ quotas: { messages_per_s: -1 } }, 'quotas.messages_per_s'],
    [{ quotas: { messages_per_s: 1.5 } }, 'quotas.messages_per_s'],
    [{ quotas: { messages_per_s: '5' } }, 'quotas.messages_per_s'],
    [{ quotas: { messages_per_s: 1e10 } }, 'quotas.messages_per_s'],
    [{ quotas: { sessions: -1 } }, 'quotas.sessions'],
    [{ quotas: { stored_bytes: true } }, 'quotas.stored_bytes'],
    [{ quotas: { topics: 1e300 } }, 'quotas.topics'],
    [{ quotas: {}, name: 'x' }, 'name'],
  ];
  for (const [body, field] of wrong) {
    const answer = await ask('PATCH /api/tenants/default', ADMIN_KEY, body);
    t.match(answer, { status: 400, body: { code: 'invalid_field', field } }, JSON.stringify(body));
  }
  const made = await ask('POST /api/tenants', ADMIN_KEY, { name: 'w', quotas: { topics: -1 } });
  t.match(made, { status: 400, body: { field: 'quotas.topics' } });
  t.equal((await ask('DELETE /api/tenants/w', ADMIN_KEY)).status, 404, 'and nothing was made');
});

t.test(
  'messages: 429 with what there is and when to come back, per message also in a batch',
  async (t) => {
    const { key, publish, set } = await owner();
    const free = await publish('a');
    t.equal(free.headers['ratelimit-policy'], undefined, 'without a quota nothing is said');
    await set({ messages_per_s: 20 });
    await eventually(async () => (await publish('a')).headers['ratelimit-policy'] !== undefined);
    t.match((await ask('GET /api/topics', key)).headers, {
      'ratelimit-policy': '"messages";q=20;w=1',
      ratelimit: /^"messages";r=\d+;t=1$/,
    });
    const large = await batch(key, 21);
    t.match(large, {
      status: 413,
      body: { code: 'batch_too_large', detail: /20.*messages_per_s/ },
    });
    const before = await sequenceOf(key);
    let refused = await batch(key, 20);
    await eventually(async () => {
      refused = await batch(key, 20);
      return refused.status === 429;
    });
    t.match(refused, {
      body: { code: 'rate_limited', detail: /20 messages a second \(messages_per_s\)/ },
      headers: { 'retry-after': '1', ratelimit: /^"messages";r=\d+;t=1$/ },
    });
    t.equal(((await sequenceOf(key)) - before) % 20, 0, 'a batch passes whole or not at all');
    t.match(await publish('a'), { status: 429 });
    await eventually(async () => (await publish('a')).status === 200);
    t.same(node.surprises, []);
  },
);

async function sequenceOf(key: string): Promise<number> {
  return Number((await ask('GET /api/topics/a', key)).body['sequence']);
}

t.test('bytes: of payloads, and what never fits says so', async (t) => {
  const { key, publish } = await owner({ bytes_per_s: 1_000 });
  await eventually(async () => (await publish('a', 'x'.repeat(1_500))).status === 413);
  const never = await publish('a', 'x'.repeat(1_500));
  t.match(never.body, { code: 'payload_too_large', detail: /1000 a second \(bytes_per_s\)/ });
  await eventually(async () => (await publish('a', 'x'.repeat(800))).status === 429);
  const { headers } = await ask('GET /api/topics', key);
  t.equal(headers['ratelimit-policy'], '"bytes";q=1000;w=1;qu="content-bytes"');
});

t.test('a WebSocket is told rate_limited with the ref, and stays open', async (t) => {
  const { key } = await owner({ messages_per_s: 10 });
  const session = await Subscriber.open(node.wsUrl, 'json', key);
  const from = performance.now();
  for (let ref = 0; ref < 2_000; ref++) {
    session.send({ type: 'publish', topic: 'a', payload: ref, ref });
  }
  await eventually(() => session.control.length === 2_000);
  const kinds = (type: string): Frame[] => session.control.filter((frame) => frame.type === type);
  const most = 10 + (10 * (performance.now() - from)) / 1_000;
  t.ok(kinds('published').length >= 2 && kinds('published').length <= most);
  for (const error of kinds('error')) {
    if (error['code'] !== 'rate_limited' || typeof error['ref'] !== 'number')
      t.fail(JSON.stringify(error));
  }
  t.equal(session.closed, null);
  session.close();
});

t.test('sessions and streams: so many are open, and no more', async (t) => {
  const { key } = await owner({ sessions: 3 });
  const open: Subscriber[] = [];
  const tryOpen = async (): Promise<boolean> => {
    try {
      open.push(await Subscriber.open(node.wsUrl, 'json', key));
      return true;
    } catch {
      return false;
    }
  };
  await eventually(async () => {
    while (await tryOpen());
    return open.length >= 3;
  });
  t.equal(open.length, 3);
  t.match(await ask('GET /api/topics/a/events', key), {
    ...{ status: 429, body: { code: 'quota_exceeded', detail: /3 sessions/ } },
    headers: { 'retry-after': '1' },
  });
  open.pop()?.close();
  await eventually(tryOpen);
  t.equal(open.length, 3);
  for (const session of open) session.close();
});

t.test('subscriptions: of all sessions together', async (t) => {
  const { key } = await owner({ subscriptions: 4 });
  const sessions = [
    await Subscriber.open(node.wsUrl, 'json', key),
    await Subscriber.open(node.wsUrl, 'json', key),
  ];
  const subscribed = new Set<string>();
  let last: Frame = { type: '' };
  const fill = async (): Promise<void> => {
    for (const [n, session] of sessions.entries()) {
      for (let topic = 0; topic < 5; topic++) {
        const name = `s${n}.${topic}`;
        if (subscribed.has(name)) continue;
        last = await session.subscribe(name);
        if (last.type === 'subscribed') subscribed.add(name);
      }
    }
  };
  await eventually(async () => {
    await fill();
    return subscribed.size >= 4;
  });
  await fill();
  t.equal(subscribed.size, 4);
  t.match(last, { type: 'error', code: 'quota_exceeded', message: /4 subscriptions/ });
  const [first] = [...subscribed];
  const [again] = sessions;
  t.match(await again?.subscribe(first ?? ''), { type: 'subscribed' }, 'one it has is no other');
  again?.send({ type: 'unsubscribe', topic: first, ref: 'u' });
  await again?.waitFor((frame) => frame['ref'] === 'u');
  subscribed.delete(first ?? '');
  await eventually(async () => {
    await fill();
    return subscribed.size === 4;
  });
  for (const session of sessions) session.close();
});

t.test('topics: those that subscribers make count, on all workers together', async (t) => {
  const { key, set } = await owner({ topics: 4 });
  const session = await Subscriber.open(node.wsUrl, 'json', key);
  const made = new Set(['a']);
  let last: Frame = { type: '' };
  for (let n = 0; n < 20; n++) {
    last = await session.subscribe(`made.${n}`);
    if (last.type === 'subscribed') made.add(`made.${n}`);
  }
  t.equal(made.size, 4);
  t.match(last, { type: 'error', code: 'quota_exceeded', message: /4 topics/ });
  t.match(await ask('POST /api/topics', key, { name: 'one.more' }), {
    ...{ status: 429, body: { code: 'quota_exceeded' }, headers: { 'retry-after': '1' } },
  });
  await set({ topics: 5 });
  await eventually(async () => {
    return (await ask('POST /api/topics', key, { name: 'one.more' })).status === 201;
  });
  t.equal((await ask('DELETE /api/topics/a', key)).status, 204);
  t.match(await session.subscribe('in.its.place'), { type: 'subscribed' });
  t.match(await session.subscribe('too.many'), { code: 'quota_exceeded' });
  session.close();
});

t.test('stored bytes: no more is taken, until something is deleted', async (t) => {
  const { key, publish } = await owner({ stored_bytes: 50_000 });
  const payload = 'x'.repeat(1_000);
  let stored = 0;
  await eventually(async () => {
    const { status } = await publish('a', payload);
    if (status === 200) stored++;
    return status === 429;
  });
  t.ok(stored >= 45, `${stored}`);
  t.match((await publish('a', payload)).body, { code: 'quota_exceeded', detail: /stored_bytes/ });
  t.equal((await ask('DELETE /api/topics/a', key)).status, 204);
  await ask('POST /api/topics', key, { name: 'a' });
  await eventually(async () => (await publish('a', payload)).status === 200);
});

t.test('deliveries: what is too much comes later, all of it and in order', async (t) => {
  const { key, publish } = await owner({ deliveries_per_s: 100 });
  const sessions = await Promise.all(
    Array.from({ length: 5 }, () => Subscriber.open(node.wsUrl, 'json', key)),
  );
  for (const session of sessions) await session.subscribe('a', { ack: 'none' });
  const stream = await EventStream.open(`${node.url}/api/topics/a/events`, '', key);
  const from = performance.now();
  const messages = 60;
  for (let n = 0; n < messages; n++) t.equal((await publish('a', n)).status, 200);
  const total = messages * (sessions.length + 1);
  const got = (): number =>
    sessions.reduce((sum, { messages: all }) => sum + all.length, 0) + stream.of('message').length;
  await eventually(() => got() === total);
  const elapsedS = (performance.now() - from) / 1_000;
  t.ok(total <= 100 * elapsedS + 75 + 64 * 2, `${total} in ${elapsedS} s`);
  for (const session of sessions) {
    t.same(session.disorder, []);
    session.close();
  }
  stream.close();
});

t.test('a tenant at ten times its quota is refused; a quiet one is not', async (t) => {
  const [noisy, quiet] = [await owner({ messages_per_s: 50 }), await owner({ messages_per_s: 50 })];
  const sessions = await Promise.all(
    [noisy, quiet].map(({ key }) => Subscriber.open(node.wsUrl, 'json', key)),
  );
  const [loud, calm] = sessions;
  let [ref, done] = [0, 0];
  const until = performance.now() + 3_000;
  const flood = setInterval(() => {
    for (let n = 0; n < 25; n++)
      loud?.send({ type: 'publish', topic: 'a', payload: 1, ref: ref++ });
  }, 50);
  while (performance.now() < until) {
    const answer = await quiet.publish('a');
    t.equal(answer.status, 200);
    calm?.send({ type: 'publish', topic: 'a', payload: 1, ref: done++ });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  clearInterval(flood);
  await eventually(() => loud?.control.length === ref && calm?.control.length === done);
  const count = (session: Subscriber | undefined, type: string): number =>
    session?.control.filter((frame) => frame.type === type).length ?? 0;
  t.equal(count(calm, 'published'), done, 'of the quiet one nothing was refused');
  t.ok(count(loud, 'error') > ref / 2, `${count(loud, 'error')} of ${ref} were refused`);
  t.ok(count(loud, 'published') >= 100, 'and the quota passed');
  for (const session of sessions) session.close();
});

t.test('answers to nobody, and without a key, say nothing of a quota', async (t) => {
  await ask('PATCH /api/tenants/default', ADMIN_KEY, { quotas: { messages_per_s: 1_000 } });
  await eventually(async () => {
    return (await ask('GET /api/tenants', ADMIN_KEY)).headers['ratelimit'] !== undefined;
  });
  for (const line of ['GET /api/topics', 'GET /livez', 'POST /api/publish']) {
    const { headers } = await ask(line, null, line.startsWith('POST') ? {} : undefined);
    t.equal(headers['ratelimit'], undefined, line);
  }
  const page = { origin: 'http://localhost:1', 'x-api-key': ADMIN_KEY };
  const { headers } = await request(`${node.url}/api/tenants`, { headers: page });
  t.match(headers['access-control-expose-headers'], /RateLimit, RateLimit-Policy/);
  await ask('PATCH /api/tenants/default', ADMIN_KEY, { quotas: { messages_per_s: null } });
});
