// Goal: a webhook is a session of its subscription: each message is a signed request, and what is answered
// is its verdict; order, back-off, dead letters and room are as of any session. Black box, in memory and on
// PostgreSQL.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { ask, postJson, publish } from '../support/nodes/node-pair.js';
import {
  type HookRequest,
  signatureFault,
  startWebhookServer,
} from '../support/servers/webhook-server.js';

t.setTimeout(600_000);
const pathOf = (topic: string): string => `/api/subscriptions/${topic}/hook/webhook`;
const put = (node: TestNode, topic: string, body: object): Promise<Answer> =>
  request(`${node.url}${pathOf(topic)}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const made = async (node: TestNode, topic: string, body: object): Promise<string> => {
  await postJson(node, '/api/topics', { name: topic });
  const answer = await put(node, topic, body);
  t.equal(answer.status, 200, JSON.stringify(answer.body));
  return String(answer.body['secret'] ?? '');
};
const fill = async (node: TestNode, topic: string, from: number, to: number): Promise<void> => {
  const messages = Array.from({ length: to - from + 1 }, (_, n) => ({
    topic,
    payload: { n: from + n },
  }));
  t.equal((await postJson(node, '/api/publish/batch', { messages })).status, 200);
};
const shown = async (node: TestNode, topic: string) => (await ask(node, pathOf(topic))).body;
const standing = async (node: TestNode, topic: string) =>
  (await ask(node, `/api/subscriptions/${topic}/hook`)).body;
const deadLetters = async (node: TestNode, topic: string) =>
  (await ask(node, `/api/dead-letters?topic=${topic}`)).body['dead_letters'] as {
    sequence: number;
    attempts: number;
    last_error: string;
  }[];
const sequencesOf = (requests: readonly HookRequest[]): number[] =>
  requests.map(({ sequence }) => sequence);
const upTo = (last: number): number[] => Array.from({ length: last }, (_, n) => n + 1);

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const nodes: { mode: string; node: TestNode }[] = [];
for (const [mode, env] of [
  ['in memory', {}],
  ['durable', { DATABASE_URL: postgres.url }],
] as const) {
  const limits = { WEBHOOKS_PER_TENANT_MAX: '30', WEBHOOK_RETRY_AFTER_MS_MAX: '1500' };
  const node = await startNode({ ...env, ...limits, WORKERS: '2', WEBHOOK_ALLOW: '127.0.0.1' });
  t.teardown(() => node.kill9());
  nodes.push({ mode, node });
}

for (const { mode, node } of nodes) {
  t.test(
    `${mode}: each message is a request, in order, which the library finds signed`,
    async (t) => {
      const server = await startWebhookServer(t);
      const secret = await made(node, 'w.plain', { url: server.url, concurrency: 1 });
      await publish(node, {
        ...{ topic: 'w.plain', payload: { text: 'ä "sequence":7,"attempt":1' }, key: 'kü' },
        headers: { published_at: 'ü', trace: '1' },
      });
      await fill(node, 'w.plain', 2, 60);
      await eventually(() => server.requests.length === 60);
      t.same(sequencesOf(server.requests), upTo(60));
      t.equal(server.most, 1, 'one after another');
      const faults = server.requests.map((one) => signatureFault(secret, one));
      t.same(new Set(faults), new Set([null]));
      const [first, second] = server.requests;
      t.equal(first?.body, '{"text":"ä \\"sequence\\":7,\\"attempt\\":1"}', 'as it was published');
      t.match(first?.headers, {
        'content-type': 'application/json',
        'conduit-topic': 'w.plain',
        'conduit-subscription': 'hook',
        'conduit-attempt': '1',
        'conduit-key': encodeURIComponent('kü'),
        'conduit-headers': '{"published_at":"\\u00fc","trace":"1"}',
        'conduit-published-at': /^\d{4}-\d\d-\d\dT[\d:.]+Z$/,
        'webhook-id': /^[0-9a-f-]{36}$/,
      });
      t.not(first?.headers['webhook-id'], second?.headers['webhook-id']);
      await eventually(async () => (await standing(node, 'w.plain'))['ack_floor'] === 60);
      const { body } = await ask(node, '/api/sessions?topic=w.plain');
      t.match(body['sessions'], [{ format: 'webhook' }]);
    },
  );

  t.test(
    `${mode}: a message's trace is the request's, each time; what is none is not`,
    async (t) => {
      const server = await startWebhookServer(t, ({ sequence, attempt }) => ({
        status: sequence === 1 && attempt === 1 ? 500 : 200,
      }));
      await made(node, 'w.traced', {
        url: server.url,
        concurrency: 1,
        ack_wait_ms: 200,
        timeout_ms: 150,
      });
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      const topic = 'w.traced';
      await publish(node, { topic, payload: 1, headers: { traceparent, tracestate: 'a=1' } });
      await publish(node, { topic, payload: 2, headers: { traceparent: `${traceparent}\u001f` } });
      await publish(node, { topic, payload: 3, headers: { 'ce-traceparent': traceparent } });
      await publish(node, { topic, payload: 4, headers: { traceparent, tracestate: 'ü=1' } });
      await eventually(() => server.requests.length >= 5);
      const told = ({ sequence, headers }: HookRequest): unknown[] => [
        sequence,
        headers['traceparent'],
        headers['tracestate'],
      ];
      t.same(server.requests.map(told).sort(), [
        [1, traceparent, 'a=1'],
        [1, traceparent, 'a=1'],
        [2, undefined, undefined],
        [3, traceparent, undefined],
        [4, traceparent, undefined],
      ]);
    },
  );

  t.test(`${mode}: what fails comes again, with a reason, until the dead letter`, async (t) => {
    const server = await startWebhookServer(t, ({ sequence }) => {
      if (sequence === 2) return { status: 302, headers: { location: server.url } };
      return { status: sequence === 1 ? 500 : 200, body: 'x'.repeat(100_000) };
    });
    const waits = { ack_wait_ms: 200, timeout_ms: 150, max_deliver: 3 };
    await made(node, 'w.fails', { url: server.url, ...waits });
    await fill(node, 'w.fails', 1, 4);
    await eventually(async () => (await deadLetters(node, 'w.fails')).length === 2);
    const letters = (await deadLetters(node, 'w.fails')).sort((a, b) => a.sequence - b.sequence);
    t.match(letters, [
      { sequence: 1, attempts: 3, last_error: 'webhook: it answered 500' },
      { sequence: 2, attempts: 3, last_error: /302: redirects are not followed/ },
    ]);
    const ofFirst = server.requests.filter(({ sequence }) => sequence === 1);
    t.same(
      ofFirst.map(({ attempt }) => attempt),
      [1, 2, 3],
    );
    t.equal(new Set(ofFirst.map(({ headers }) => headers['webhook-id'])).size, 1, 'one id');
    t.ok(server.requests.every(({ path }) => path === '/hook'));
    await eventually(async () => (await standing(node, 'w.fails'))['ack_floor'] === 4);
  });

  t.test(`${mode}: by topic nothing passes what is to come again`, async (t) => {
    let refused = 0;
    const server = await startWebhookServer(t, ({ sequence }) =>
      sequence === 3 && refused++ < 2 ? { status: 500 } : { status: 200 },
    );
    const waits = { ack_wait_ms: 200, timeout_ms: 150 };
    await made(node, 'w.strict', { url: server.url, concurrency: 1, ...waits });
    await fill(node, 'w.strict', 1, 6);
    await eventually(() => server.requests.length === 8);
    t.same(sequencesOf(server.requests), [1, 2, 3, 3, 3, 4, 5, 6]);
  });

  t.test(`${mode}: Retry-After is kept to, so far as it may be`, async (t) => {
    const replies = [
      { status: 429, headers: { 'retry-after': '1' } },
      { status: 503, headers: { 'retry-after': '86400' } },
      { status: 200 },
    ];
    const server = await startWebhookServer(t, () => replies.shift() ?? { status: 200 });
    await made(node, 'w.later', { url: server.url, ack_wait_ms: 30_000 });
    await fill(node, 'w.later', 1, 1);
    await eventually(() => server.requests.length === 3);
    const [first = 0, second = 0, third = 0] = server.requests.map(({ atMs }) => atMs);
    t.ok(second - first >= 950, `${second - first} ms: what it said`);
    t.ok(third - second >= 1_450, `${third - second} ms: WEBHOOK_RETRY_AFTER_MS_MAX`);
    t.ok(third - second < 20_000, 'and not the back-off');
  });

  t.test(`${mode}: one that hangs holds up no other, and its messages fail in time`, async (t) => {
    const [hanging, other] = [
      await startWebhookServer(t, () => 'hang'),
      await startWebhookServer(t),
    ];
    const waits = { timeout_ms: 300, ack_wait_ms: 1_000, max_deliver: 1 };
    await made(node, 'w.hangs', { url: hanging.url, concurrency: 4, ...waits });
    await made(node, 'w.other', { url: other.url });
    await fill(node, 'w.hangs', 1, 40);
    await fill(node, 'w.other', 1, 200);
    await eventually(() => other.requests.length === 200);
    t.ok(hanging.requests.length < 40, 'the other one was not waited for');
    t.equal(hanging.most, 4);
    await eventually(async () => (await deadLetters(node, 'w.hangs')).length > 0);
    t.match(await deadLetters(node, 'w.hangs'), [{ last_error: /no answer within 300 ms/ }]);
  });

  t.test(
    `${mode}: 410 disables it, which is told; another PUT goes on with the same message`,
    async (t) => {
      const server = await startWebhookServer(t, () => ({ status: 410 }));
      await made(node, 'w.gone', { url: server.url, concurrency: 1 });
      await fill(node, 'w.gone', 1, 3);
      await eventually(async () => (await shown(node, 'w.gone'))['state'] === 'disabled');
      t.match(await shown(node, 'w.gone'), { disabled_reason: 'gone', disabled_at: /^\d{4}/ });
      t.equal(server.requests.length, 1);
      await eventually(async () => (await standing(node, 'w.gone'))['sessions'] === 0);
      t.match(node.output(), /webhook\.disabled/);
      server.reply = () => ({ status: 200 });
      t.match((await put(node, 'w.gone', { url: server.url, concurrency: 1 })).body, {
        ...{ state: 'active', disabled_reason: null },
      });
      await eventually(() => server.requests.length === 4);
      t.same(sequencesOf(server.requests), [1, 1, 2, 3]);
      t.equal(server.requests[1]?.attempt, 1, 'what was disabled has not failed');
    },
  );

  t.test(`${mode}: a secret is shown once, and rotated with two signatures`, async (t) => {
    const server = await startWebhookServer(t);
    const { url } = server;
    const first = await made(node, 'w.secret', { url });
    t.match(first, /^whsec_[A-Za-z0-9+/]{43}=$/);
    const got = await shown(node, 'w.secret');
    t.equal(got['secret'], undefined);
    t.match(got, { secrets: [{ expires_at: null }] });
    const same = await put(node, 'w.secret', { url, concurrency: 2 });
    t.equal(same.body['secret'], undefined, 'it stays');
    const second = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
    const rotated = await put(node, 'w.secret', { url, secret: second, overlap_s: 5 });
    t.match(rotated.body, {
      secret: second,
      secrets: [{ expires_at: null }, { expires_at: /Z$/ }],
    });
    // The node that sends is told of the change once it is made.
    const isBoth = (one: HookRequest): boolean =>
      [first, second].every((secret) => signatureFault(secret, one) === null);
    await eventually(async () => {
      await publish(node, { topic: 'w.secret', payload: 1 });
      return server.requests.some(isBoth);
    });
    await eventually(async () => {
      const { secrets } = await shown(node, 'w.secret');
      return (secrets as unknown[]).length === 1;
    });
    await publish(node, { topic: 'w.secret', payload: 'last' });
    await eventually(() => server.requests.some(({ body }) => body === '"last"'));
    const last = server.requests.find(({ body }) => body === '"last"');
    t.equal(last && signatureFault(second, last), null);
    t.match(last && signatureFault(first, last), /No matching signature/);
    t.notMatch(node.output(), first.slice(6));
    t.notMatch(node.output(), second.slice(6));
  });

  t.test(
    `${mode}: it begins at the end, or where it is told; it ends with its subscription`,
    async (t) => {
      const server = await startWebhookServer(t);
      await postJson(node, '/api/topics', { name: 'w.begin' });
      await fill(node, 'w.begin', 1, 5);
      await made(node, 'w.begin', { url: server.url });
      await fill(node, 'w.begin', 6, 7);
      await eventually(() => server.requests.length === 2);
      t.same(sequencesOf(server.requests), [6, 7]);
      const gone = await request(`${node.url}/api/subscriptions/w.begin/hook`, {
        method: 'DELETE',
      });
      t.equal(gone.status, 204);
      t.match(await shown(node, 'w.begin'), { code: 'webhook_not_found' });
      await made(node, 'w.begin', { url: server.url, start: { from: 'earliest' }, concurrency: 1 });
      await eventually(() => server.requests.length === 9);
      t.same(sequencesOf(server.requests.slice(2)), upTo(7));
      t.equal((await request(`${node.url}/api/topics/w.begin`, { method: 'DELETE' })).status, 204);
      t.match(await shown(node, 'w.begin'), { code: 'webhook_not_found' });
    },
  );

  t.test(`${mode}: removed, it sends nothing more, and the subscription stays`, async (t) => {
    const server = await startWebhookServer(t);
    await made(node, 'w.removed', { url: server.url });
    await fill(node, 'w.removed', 1, 2);
    await eventually(() => server.requests.length === 2);
    t.equal((await request(`${node.url}${pathOf('w.removed')}`, { method: 'DELETE' })).status, 204);
    t.equal((await request(`${node.url}${pathOf('w.removed')}`, { method: 'DELETE' })).status, 404);
    await eventually(async () => (await standing(node, 'w.removed'))['sessions'] === 0);
    await fill(node, 'w.removed', 3, 4);
    t.equal(server.requests.length, 2);
    t.match(await standing(node, 'w.removed'), { ack_floor: 2, backlog: 2 });
  });

  t.test(`${mode}: a private address is no address, before and after its look-up`, async (t) => {
    const refused = await put(node, 'w.plain', { url: 'http://10.0.0.1/' });
    t.match(refused, { status: 400, body: { code: 'invalid_field', field: 'url' } });
    const allowed = await startWebhookServer(t);
    const url = allowed.url.replace('127.0.0.1', 'localhost');
    // It is 127.0.0.1, and on many machines ::1 as well, which is not allowed.
    await made(node, 'w.local', { url, ack_wait_ms: 200, timeout_ms: 150, max_deliver: 1 });
    await fill(node, 'w.local', 1, 1);
    await eventually(
      async () =>
        allowed.requests.length === 1 || (await deadLetters(node, 'w.local')).length === 1,
    );
    t.match((await shown(node, 'w.local'))['state'], 'active');
  });
}

t.test('the bounds of a tenant, and of what a PUT may say', async (t) => {
  const [{ node } = { node: null }] = nodes;
  if (node === null) return;
  await postJson(node, '/api/topics', { name: 'w.bad' });
  const url = 'https://example.com/hook';
  const bad: readonly [body: object, code: string, field: string | undefined, detail: RegExp][] = [
    [{}, 'invalid_field', 'url', /is required/],
    [{ url: 1 }, 'invalid_field', 'url', /must be a string/],
    [{ url: 'example.com' }, 'invalid_field', 'url', /must be a URL/],
    [{ url: 'ftp://example.com/' }, 'invalid_field', 'url', /takes http and https/],
    [{ url: 'https://me:you@example.com/' }, 'invalid_field', 'url', /no user and password/],
    [{ url: `https://example.com/${'a'.repeat(2_100)}` }, 'invalid_field', 'url', /2048/],
    [{ url: 'http://[::1]/' }, 'invalid_field', 'url', /WEBHOOK_ALLOW/],
    [{ url: 'http://0x7f.2/' }, 'invalid_field', 'url', /WEBHOOK_ALLOW/],
    [{ url, concurrency: 0 }, 'invalid_field', 'concurrency', /WEBHOOK_CONCURRENCY_MAX/],
    [{ url, concurrency: 65 }, 'invalid_field', 'concurrency', /WEBHOOK_CONCURRENCY_MAX/],
    [{ url, timeout_ms: 99 }, 'invalid_field', 'timeout_ms', /WEBHOOK_TIMEOUT_MS_MAX/],
    [{ url, timeout_ms: 30_001 }, 'invalid_field', 'timeout_ms', /WEBHOOK_TIMEOUT_MS_MAX/],
    [
      { url, timeout_ms: 500, ack_wait_ms: 500 },
      'invalid_field',
      'timeout_ms',
      /below the ack_wait/,
    ],
    [{ url, secret: 'whsec_short' }, 'invalid_field', 'secret', /whsec_ and 24 to 64 bytes/],
    [{ url, secret: 7 }, 'invalid_field', 'secret', /must be a string/],
    [{ url, overlap_s: -1 }, 'invalid_field', 'overlap_s', /2592000/],
    [{ url, max_deliver: 0 }, 'invalid_field', 'max_deliver', /1000/],
    [{ url, ordering: 'all' }, 'invalid_field', 'ordering', /none or key or topic/],
    [{ url, start: { from: 'there' } }, 'bad_cursor', 'start.from', /takes latest/],
    [{ url, more: 1 }, 'invalid_field', 'more', /known: url/],
  ];
  for (const [body, code, field, detail] of bad) {
    const answer = await put(node, 'w.bad', body);
    const seen = { code: answer.body['code'], field: answer.body['field'] };
    t.same(seen, { code, field }, JSON.stringify(body));
    t.match(answer.body['detail'], detail, JSON.stringify(body));
  }
  t.match(await put(node, 'w.nowhere', { url }), {
    status: 404,
    body: { code: 'topic_not_found' },
  });
  t.match(await shown(node, 'w.bad'), { code: 'webhook_not_found' }, 'nothing was kept');
  const answers: Answer[] = [];
  for (let n = 0; n < 31; n++) {
    const path = `/api/subscriptions/w.bad/s${n}/webhook`;
    const headers = { 'content-type': 'application/json' };
    answers.push(
      await request(`${node.url}${path}`, {
        method: 'PUT',
        headers,
        body: JSON.stringify({ url }),
      }),
    );
  }
  const full = answers.find(({ status }) => status === 429);
  t.match(full?.body, { code: 'webhook_limit', detail: /WEBHOOKS_PER_TENANT_MAX \(30\)/ });
});
